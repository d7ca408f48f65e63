export interface EdgeRouter {
  readonly id: string
  readonly name: string
  readonly createdAt: number
  updatedAt: number
  /** What clients are told to connect to. */
  readonly host: string
  port: number
  online: boolean
}
