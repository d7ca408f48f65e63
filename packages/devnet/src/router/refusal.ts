import { encodeString, encodeUint32, HeaderId } from '@tunnel/edge/wire'
import type { HeaderEntry } from './frame-writer.ts'
import { dialAttempts } from './router-timing.ts'

/** What a 2.0.3 network says when it refuses (protocol section 11.1). SDKs look for these words. */
export const refusal = {
  noServiceSession: 'unable to get service token: no such session',
  /** An OIDC login has JWTs for service sessions too, which the router reads by itself. */
  noServiceJwt: 'failed to create service token from JWT: api session id does not match service session api session id',
  wrongSessionType: 'wrong session type',
  noService: (id: string) => `service with id ${id} not found`,
  noPublicKey: 'encryption required on service, initiator did not send public header',
  noHostKey: 'encryption required on service, terminator did not send public header',
  idInUse: (id: number) => `sink id ${id} already in use`,
  tooMany: 'too many connections',
  noTerminators: (serviceId: string, instance: string) =>
    `service ${serviceId} has no terminators${instance === '' ? '' : ` for instanceId ${instance}`}`,
  noOnlineTerminators: (serviceId: string, instance: string) => `service ${serviceId} has no online terminators for instanceId ${instance}`,
  retriesExceeded: (circuitId: string, reason: string) =>
    `exceeded maximum [${dialAttempts}] retries creating circuit [c/${circuitId}] (${reason})`,
  hostSilent: 'timeout waiting for message reply: context deadline exceeded',
  hostGone: 'terminator closed',
  hostKeyRefused: 'dialer sent an unusable public key',
  hostRejected: 'rejected by application',
  invalidPrecedence: 'invalid precedence',
  sessionEnded: 'service session ended',
  newerTerminator: 'found a newer terminator for listener id',
  invalidToken: 'invalid api session token',
} as const

/** Headers ErrorCode and StructuredError: not on a refused Connect, but where a listener or a token is lost (section 11.1). */
export function errorHeaders(code: number, message: string, retryHint = 0): HeaderEntry[] {
  const structured = { message, code, retryHint, cause: message }
  return [
    [HeaderId.ErrorCode, encodeUint32(code)],
    [HeaderId.StructuredError, encodeString(JSON.stringify(structured))],
  ]
}
