import type { ClientInfo } from './client-info.ts'

export type Precedence = 'default' | 'required' | 'failed'

/** How an identity logs in: its certificate, or none until it is enrolled. */
export interface Authenticator {
  readonly id: string
  readonly createdAt: number
  updatedAt: number
  fingerprint: string
  chainPem: string
  /** A renewed certificate that waits for `extend-verify` (protocol section 1.6). */
  pending?: { readonly fingerprint: string; readonly chainPem: string }
  /** Set by `expireCertificates`: the controller treats the certificate as one past its end. */
  expired: boolean
}

export interface Identity {
  readonly id: string
  readonly name: string
  readonly createdAt: number
  updatedAt: number
  readonly appData: Readonly<Record<string, unknown>>
  readonly tags: Readonly<Record<string, unknown>>
  readonly roleAttributes: readonly string[]
  /** 0 to 65535. */
  readonly defaultHostingCost: number
  readonly defaultHostingPrecedence: Precedence
  /** By service name, in the admin API; the REST answers have service ids. */
  readonly serviceHostingCosts: Readonly<Record<string, number>>
  readonly serviceHostingPrecedences: Readonly<Record<string, Precedence>>
  authenticator?: Authenticator
  sdkInfo: ClientInfo
  envInfo: ClientInfo
}
