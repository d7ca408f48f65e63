export type ServicePermission = 'Dial' | 'Bind'

/** A service as a controller describes it (protocol section 2.9), in the few members that a tunneler needs. */
export interface Service {
  readonly id: string
  readonly name: string
  readonly encryptionRequired: boolean
  readonly permissions: readonly ServicePermission[]
  /** Raw config objects by config type name (`intercept.v1`, `host.v1`, ...). Parse with this package. */
  readonly config: Readonly<Record<string, unknown>>
}
