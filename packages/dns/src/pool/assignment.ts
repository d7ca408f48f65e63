/** The addresses that stand for a name. */
export interface Assignment {
  /** Lower case, no final dot. */
  readonly name: string
  readonly v4?: string
  readonly v6?: string
}
