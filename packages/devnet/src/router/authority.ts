/**
 * What a router must know of the network: the controller's state as a port, so that routers are built and tested
 * without a controller.
 */
export interface RouterAuthority {
  /**
   * Checks the token of a hello (protocol sections 3.6 and 11.1). `clientCertificate` is the DER of the TLS leaf.
   * `unknown`: the router closes after about 5.2 s; `foreign` (another identity's token): after 20 ms.
   */
  checkApiSession(token: string, clientCertificate: Uint8Array): ApiSession | 'unknown' | 'foreign'
  /** `undefined` for a token that is no live service session of this API session. */
  checkServiceSession(token: string, apiSession: ApiSession): ServiceSession | undefined
  service(id: string): RoutedService | undefined
  /** All terminators of the network: one store for all routers. */
  readonly terminators: TerminatorStore
  /** Called when an API session ends (logout, expiry, revocation): its channels close within milliseconds. */
  onApiSessionEnded(listener: (apiSessionId: string) => void): () => void
  /** Called when a service session ends (deleted, policy or posture revoked): its circuits and binds close. */
  onServiceSessionEnded?(listener: (serviceSessionId: string) => void): () => void
}

export interface ApiSession {
  readonly id: string
  readonly identityId: string
  readonly identityName: string
  /** OIDC tokens can be replaced on the channel (UpdateToken) and end the channel when they expire. */
  readonly kind: 'legacy' | 'oidc'
  /** Milliseconds since the epoch; absent for legacy. */
  readonly expiresAt?: number
}

export interface ServiceSession {
  readonly id: string
  readonly token: string
  readonly serviceId: string
  readonly type: 'Dial' | 'Bind'
}

export interface RoutedService {
  readonly id: string
  readonly name: string
  readonly encryptionRequired: boolean
}

/** Where circuits of a service can end. */
export interface Terminator {
  readonly id: string
  readonly serviceId: string
  readonly routerId: string
  /** Instance name; empty when the service is not addressed by instance. */
  readonly instance: string
  cost: number
  /** 0 default, 1 required, 2 failed. */
  precedence: number
  /** `router`: the router itself connects to `target`; `sdk`: a channel of that router has a bind. */
  readonly kind: 'router' | 'sdk'
  readonly target?: { readonly protocol: 'tcp' | 'udp'; readonly host: string; readonly port: number }
}

export interface TerminatorStore {
  add(terminator: Terminator): void
  remove(id: string): void
  list(serviceId: string): readonly Terminator[]
}
