import type { Authenticator, Identity } from '../state/identity.ts'
import { identityOfCertificate } from '../state/network-state.ts'
import type { Call } from './call.ts'
import type { ControllerContext } from './context.ts'

export interface Credentials {
  readonly identity: Identity
  readonly authenticator: Authenticator
  readonly fingerprint: string
}

/** The identity whose certificate the TLS client showed, unless it is past its end. */
export function checkCertificate(call: Call, { state }: ControllerContext): Credentials | undefined {
  const { fingerprint = '' } = call
  const identity = identityOfCertificate(state, fingerprint)
  const authenticator = identity?.authenticator
  return identity === undefined || authenticator === undefined || authenticator.expired ? undefined : { identity, authenticator, fingerprint }
}
