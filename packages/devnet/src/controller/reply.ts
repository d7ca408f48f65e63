import { createShortId } from '../state/id.ts'

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** JSON, or text under a content type in `headers`. */
  readonly body: string
}

/** A success in the envelope of protocol section 2.1. */
export function succeed(data: unknown, options: { status?: number; meta?: unknown; headers?: Reply['headers'] } = {}): Reply {
  const { status = 200, meta = {}, headers } = options
  return { status, body: JSON.stringify({ data, meta }), ...headers && { headers } }
}

/** Status and text of the errors that the devnet gives; texts as the real controller has them. */
const errors = {
  UNAUTHORIZED: [401, 'The request could not be completed. The session is not authorized or the credentials are invalid'],
  INVALID_AUTH: [401, 'The authentication request failed'],
  INVALID_AUTH_METHOD: [400, 'The supplied authentication method is not valid'],
  NOT_FOUND: [404, 'The resource requested was not found or is no longer available'],
  METHOD_NOT_ALLOWED: [405, 'The resource requested does not support this HTTP verb'],
  COULD_NOT_VALIDATE: [400, 'The supplied request contains an invalid document or no valid accept content were available, see cause'],
  COULD_NOT_PARSE_BODY: [400, 'The body of the request could not be parsed'],
  COULD_NOT_PROCESS_CSR: [400, 'The supplied csr could not be processed'],
  INVALID_ENROLLMENT_TOKEN: [400, 'The supplied token is not valid'],
  INVALID_ENROLL_METHOD: [400, 'The supplied enrollment method is not valid'],
  INVALID_FILTER: [400, 'The filter supplied is invalid'],
  INVALID_PAGINATION: [400, 'The pagination properties provided are invalid'],
  INVALID_POSTURE: [409, 'Posture response data is missing or wrong'],
  NO_EDGE_ROUTERS_AVAILABLE: [400, 'No edge routers are assigned and online to handle the requested connection'],
  REQUEST_TOO_LARGE: [413, 'The body of the request is too large'],
  SERVER_TOO_MANY_REQUESTS: [429, 'Too many requests to alter state have been issued. Please slow your request rate or try again later.'],
  TIMEOUT: [503, 'Request timed out'],
  UNHANDLED: [500, 'An unhandled error occurred'],
} as const satisfies Record<string, readonly [number, string]>

export type ApiErrorCode = keyof typeof errors

/** A failure in the envelope of protocol section 2.2. */
export function fail(code: ApiErrorCode, options: { cause?: unknown; headers?: Reply['headers']; status?: number } = {}): Reply {
  const [status, message] = errors[code]
  const { cause, headers } = options
  const error = { ...cause !== undefined && { cause }, code, message, requestId: createShortId() }
  const meta = { apiEnrollmentVersion: '0.0.1', apiVersion: '0.0.1' }
  return { status: options.status ?? status, body: JSON.stringify({ error, meta }), ...headers && { headers } }
}

/** `cause` of a document that does not hold (capture `legacy-session-bind-denied`). */
export const invalidField = (field: string, reason: string, value: unknown): Reply =>
  fail('COULD_NOT_VALIDATE', { cause: { field, reason, value } })
