import { CodedError, isCodedError } from '../coded-error.ts'
import { createResetError } from '../flow-error.ts'

/** System errors that say the other end is gone: a RST was received, or provoked by writing. */
const resets: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'])

/** An error of a stream or socket as `flow.reset` or `flow.transport`. */
export function toTransportError(error: unknown): CodedError {
  if (isCodedError(error)) return error
  const errno = errnoOf(error)
  if (errno !== undefined && resets.has(errno)) return createResetError(error)
  const message = error instanceof Error ? error.message : String(error)
  return new CodedError('flow.transport', message, { detail: { errno }, cause: error })
}

/** `ECONNREFUSED`, `ERR_STREAM_DESTROYED`: the code of Node's errors. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
