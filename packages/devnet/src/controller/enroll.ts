import { createShortId } from '../state/id.ts'
import type { Authenticator } from '../state/identity.ts'
import type { Certificate } from '../pki/certificate-authority.ts'
import type { Call } from './call.ts'
import { isJson, parseJsonBody, textOf } from './call.ts'
import type { ControllerContext, Route } from './context.ts'
import type { Reply } from './reply.ts'
import { fail, succeed } from './reply.ts'

/** Enrollment with a one-time token (protocol sections 1.5 and 11.2); the other methods need what a devnet has not. */
export const enrollRoutes: readonly Route[] = [
  {
    method: 'POST', path: '/enroll',
    open: (call, context) => {
      const method = call.query.get('method') ?? 'ott'
      return method === 'ott' ? enroll(call, context, call.query.get('token') ?? '') : fail('INVALID_ENROLL_METHOD')
    },
  },
  {
    method: 'POST', path: '/enroll/ott',
    open: (call, context) => enroll(call, context, textOf(parseJsonBody(call)?.['token'])),
  },
  {
    method: 'GET', path: '/enroll/jwks',
    open: (_call, { signer }) => ({ status: 200, body: JSON.stringify({ keys: signer.keys }) }),
  },
]

async function enroll(call: Call, { state, certificates }: ControllerContext, token: string): Promise<Reply> {
  const enrollment = state.enrollments.find(token)
  const identity = state.identities.get(enrollment?.identityId ?? '')
  if (identity === undefined) return fail('INVALID_ENROLLMENT_TOKEN')
  const csrPem = isJson(call) ? textOf(parseJsonBody(call)?.['clientCsr']) : call.body.toString('latin1')
  const certificate = await certificates.signRequest({ csrPem, name: identity.id, spiffe: `identity/${identity.id}` })
  if (certificate === undefined) return fail('COULD_NOT_PROCESS_CSR')
  // The token is spent here and not before: a bad request leaves it, two good ones at once get one certificate.
  if (!state.enrollments.remove(token)) return fail('INVALID_ENROLLMENT_TOKEN')
  identity.authenticator = createAuthenticator(certificate, state.now())
  identity.updatedAt = state.now()
  const wantsJson = isJson(call) || (call.headers.accept ?? '').includes('application/json')
  if (wantsJson) return succeed({ cert: certificate.chainPem })
  return { status: 200, headers: { 'Content-Type': 'application/x-pem-file' }, body: certificate.chainPem }
}

export function createAuthenticator({ fingerprint, chainPem }: Certificate, now: number): Authenticator {
  return { id: createShortId(), createdAt: now, updatedAt: now, fingerprint, chainPem, expired: false }
}
