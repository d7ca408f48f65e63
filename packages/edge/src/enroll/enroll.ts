import { CodedError, silentLog, type Log } from '@tunnel/flow'
import { apiError } from '../controller/api-error.ts'
import { clientApiPath, controllerBase } from '../controller/controller-pool.ts'
import { createHttpClient, type HttpClient, type HttpClientOptions, type HttpResponse } from '../controller/http-client.ts'
import type { NetworkPath } from '../controller/types.ts'
import { noCaBundle, parseCaBundle } from './ca-bundle.ts'
import { checkOurs, readEnrollmentAnswer } from './enrollment-answer.ts'
import { readEnrollmentToken, verifyEnrollmentToken, type EnrollmentToken } from './enrollment-token.ts'
import { requestKey, type KeyAlgorithm } from './key-pair.ts'

export interface EnrollOptions extends NetworkPath {
  /** Text of the `.jwt` file. */
  readonly jwt: string
  /** Default `EC`. */
  readonly keyAlgorithm?: KeyAlgorithm
  /** PEM certificates to trust besides those of the controller: kept in the identity. */
  readonly ca?: string
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
  readonly log?: Log
}

/** The identity file (protocol section 1.1), members in the order of the Go writer. */
export interface EnrolledIdentity {
  readonly ztAPI: string
  readonly ztAPIs: readonly string[]
  readonly configTypes: null
  readonly id: { readonly key: string; readonly cert: string; readonly ca: string }
  readonly enableHa: boolean
}

/**
 * Turns a one-time token into an identity. Writes nothing; the token is used up when this resolves, so write the result at once.
 *
 * Rejects with `enroll.token-malformed`, `enroll.token-expired`, `enroll.method`, `enroll.token-signature`, `enroll.token-used`,
 * `enroll.no-ca`, `enroll.refused`, `enroll.certificate`, or one of `controller.unreachable`, `.timeout`, `.untrusted`, ...
 */
export async function enroll(options: EnrollOptions): Promise<EnrolledIdentity> {
  const now = options.now ?? Date.now
  const token = readEnrollmentToken(options.jwt, now())
  const { host } = new URL(token.issuer)
  const bundle = await bootstrap(token, options)
  const trusted = [...bundle, ...(options.ca === undefined ? [] : [`${options.ca.trim()}\n`])].join('')
  const key = await requestKey(options.keyAlgorithm ?? 'EC', token.subject)
  const response = await withClient({ credentials: { ca: trusted }, path: options }, (http) => sendRequest(http, token, key.csr))
  if (response.status >= 400) throw enrollmentRefusal(response, host)
  const answer = readEnrollmentAnswer(response, host)
  const leaf = checkOurs(answer.cert, key.privateKey, host)
  if (leaf.validFromDate.getTime() > now()) {
    const clock = new Date(now()).toISOString()
    options.log?.('warn', 'edge/enroll', `the new certificate begins on ${leaf.validFrom}, but the clock of this host says ${clock}; set the clock`)
  }
  const urls = controllerUrls(token, answer.controllers)
  return {
    ztAPI: urls[0] ?? token.issuer + clientApiPath,
    ztAPIs: urls,
    configTypes: null,
    id: { key: `pem:${key.pem}`, cert: `pem:${answer.cert}`, ca: `pem:${answer.ca ?? trusted}` },
    enableHa: false,
  }
}

/**
 * Section 1.4: the controller's certificate is trusted because the token is signed with its key, and only that certificate
 * is, on every connection, until it has given us the network's CA certificates.
 */
async function bootstrap(token: EnrollmentToken, options: EnrollOptions): Promise<readonly string[]> {
  let verified: Buffer | undefined
  const pin = async (leaf: Buffer) => {
    if (verified !== undefined && !verified.equals(leaf)) throw changed(token)
    await verifyEnrollmentToken(token, leaf)
    verified = leaf
  }
  const controller = new URL(token.issuer).host
  return await withClient({ credentials: {}, path: options, pin }, async (http) => {
    const path = '/.well-known/est/cacerts'
    let response = await http.send({ method: 'GET', url: new URL(token.issuer + clientApiPath + path) })
    // RFC 7030 3.2.2 has it at the root, and so have some controllers.
    if (response.status === 404) response = await http.send({ method: 'GET', url: new URL(token.issuer + path) })
    if (response.status !== 200) throw apiError(response, controller, 'GET est/cacerts')
    const bundle = await parseCaBundle(response.body)
    if (bundle === undefined) throw noCaBundle(controller)
    ;(options.log ?? silentLog)('debug', 'edge/enroll', `controller ${controller} gave ${bundle.length} CA certificates`)
    return bundle
  })
}

async function sendRequest(http: HttpClient, token: EnrollmentToken, csr: string): Promise<HttpResponse> {
  const url = new URL(`${token.issuer}${clientApiPath}/enroll`)
  url.searchParams.set('method', token.method)
  url.searchParams.set('token', token.secret)
  return await http.send({ method: 'POST', url, headers: { 'content-type': 'application/x-pem-file' }, body: csr })
}

async function withClient<T>(options: HttpClientOptions, use: (http: HttpClient) => Promise<T>): Promise<T> {
  const http = createHttpClient(options)
  try {
    return await use(http)
  } finally {
    http.close()
  }
}

/** The issuer first: it is known to be reachable from here. */
function controllerUrls(token: EnrollmentToken, learned: readonly string[]): readonly string[] {
  const urls = [token.issuer, ...learned].map(controllerBase).filter((url) => url !== undefined)
  return [...new Set(urls)]
}

function enrollmentRefusal(response: HttpResponse, controller: string): CodedError {
  const cause = apiError(response, controller, 'POST /enroll')
  const { apiCode } = cause.detail
  if (apiCode === 'INVALID_ENROLLMENT_TOKEN') {
    const message = `Controller ${controller} does not know the enrollment token: it was used before, or withdrawn. Ask for a new one.`
    return new CodedError('enroll.token-used', message, { detail: cause.detail, cause })
  }
  if (apiCode === 'ENROLLMENT_EXPIRED') {
    const message = `Controller ${controller} says that the enrollment token has ended. Ask for a new one.`
    return new CodedError('enroll.token-expired', message, { detail: cause.detail, cause })
  }
  if (cause.code === 'controller.unavailable') return cause
  return new CodedError('enroll.refused', `The enrollment was refused. ${cause.message}`, { detail: cause.detail, cause })
}

function changed(token: EnrollmentToken): CodedError {
  const message = `The controller at ${new URL(token.issuer).host} showed two different certificates; enroll again, from a network that you trust.`
  return new CodedError('enroll.token-signature', message)
}
