import { X509Certificate } from 'node:crypto'
import { CodedError } from '@tunnel/flow'
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, importX509, type JWTPayload } from 'jose'
import * as z from 'zod'

/** An enrollment token (protocol section 1.3). Nothing in it is proven before `verifyEnrollmentToken`. */
export interface EnrollmentToken {
  readonly jwt: string
  readonly algorithm: string
  /** `https://host:port` of the controller. */
  readonly issuer: string
  /** Id of the identity to be. */
  readonly subject: string
  /** The one-time secret. */
  readonly secret: string
  readonly method: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

const maxTokenBytes = 64 * 1024
const algorithms = ['RS256', 'ES256', 'ES384', 'ES512']

const claimsSchema = z.object({
  iss: z.string().refine(isHttpsUrl, 'not an https:// URL'),
  em: z.string().min(1),
  exp: z.number().positive(),
  sub: z.string().optional(),
  jti: z.string().optional(),
})

/** Throws `enroll.token-malformed`, `enroll.method` or `enroll.token-expired`: all that can be known without the network. */
export function readEnrollmentToken(text: string, now: number): EnrollmentToken {
  const jwt = text.trim()
  const { algorithm, payload } = decode(jwt)
  if (!algorithms.includes(algorithm)) throw malformed(`its algorithm is ${algorithm.slice(0, 20)}, not one of ${algorithms.join(', ')}`)
  const claims = claimsSchema.safeParse(payload)
  if (!claims.success) {
    const issue = claims.error.issues[0]
    throw malformed(`its claim ${issue?.path.join('.')} is missing or wrong (${issue?.message}); ask for a new token`)
  }
  const { iss, em, exp, sub, jti } = claims.data
  checkMethod(em)
  if (sub === undefined || jti === undefined) throw malformed(`claim ${sub === undefined ? 'sub' : 'jti'} is missing`)
  const expiresAt = exp * 1000
  if (expiresAt <= now) throw expired(expiresAt, now)
  return { jwt, algorithm, issuer: new URL(iss).origin, subject: sub, secret: jti, method: em, expiresAt }
}

/**
 * The token was signed with the key of the certificate that the controller shows (section 1.4): whoever gave us the token
 * vouches for that controller. Rejects with `enroll.token-signature`.
 */
export async function verifyEnrollmentToken(token: EnrollmentToken, leaf: Uint8Array): Promise<void> {
  try {
    const key = await importX509(new X509Certificate(leaf).toString(), token.algorithm)
    await compactVerify(token.jwt, key, { algorithms: [token.algorithm] })
  } catch (cause) {
    const what = cause instanceof errors.JWSSignatureVerificationFailed ? 'it was not signed by' : 'its signature cannot be checked with'
    const host = new URL(token.issuer).host
    throw new CodedError(
      'enroll.token-signature',
      `The enrollment token is not to be trusted: ${what} the controller that answers at ${host}. `
        + 'The token may be of another network, the controller have a new certificate, or something be between us and it. Ask for a new token from this network.',
      { detail: { controller: host }, cause },
    )
  }
}

function decode(jwt: string): { algorithm: string; payload: JWTPayload } {
  if (jwt === '') throw malformed('it is empty')
  if (jwt.length > maxTokenBytes) throw malformed(`it is longer than ${maxTokenBytes} bytes`)
  try {
    const { alg } = decodeProtectedHeader(jwt)
    return { algorithm: String(alg), payload: decodeJwt(jwt) }
  } catch (cause) {
    throw malformed('it is no JWT (three parts with dots between); give the .jwt file as it came', cause)
  }
}

const otherMethods: Readonly<Record<string, string>> = {
  erott: 'it is for an edge router',
  updb: 'it is for an identity with user name and password',
  ca: 'it is for all identities with a certificate of a third-party CA',
  ottca: 'it is for one identity with a certificate of a third-party CA',
  network: 'it is for a whole network, with a login in the browser',
}

function checkMethod(method: string): void {
  if (method === 'ott') return
  const what = otherMethods[method] ?? 'it is of a kind that we do not know'
  throw new CodedError('enroll.method', `Enrollment by ${JSON.stringify(method.slice(0, 40))} is not supported yet: ${what}.`, {
    detail: { method: method.slice(0, 40) },
  })
}

function expired(expiresAt: number, now: number): CodedError {
  return new CodedError(
    'enroll.token-expired',
    `The enrollment token ended on ${new Date(expiresAt).toISOString()}; the clock of this host says ${new Date(now).toISOString()}. `
      + 'If the clock is right, ask for a new token.',
    { detail: { expiresAt } },
  )
}

function malformed(why: string, cause?: unknown): CodedError {
  return new CodedError('enroll.token-malformed', `The enrollment token is unusable: ${why}.`, { cause })
}

function isHttpsUrl(text: string): boolean {
  const url = URL.parse(text)
  return url?.protocol === 'https:' && url.hostname !== ''
}
