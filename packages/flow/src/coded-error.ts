export type ErrorDetail = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * The one error of all packages. `code` is an open string, `package.condition` (`dial.no-terminator`): each package
 * documents the union of its own, and what a person does next.
 */
export class CodedError extends Error {
  override readonly name = 'CodedError'
  readonly code: string
  readonly detail: ErrorDetail

  constructor(code: string, message: string, options: { detail?: ErrorDetail; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail ?? {}
  }
}

/** True also for an error of another copy of this package: the code is what counts, not the class. */
export function isCodedError(error: unknown, code?: string): error is CodedError {
  if (!(error instanceof Error) || !('code' in error) || error.name !== 'CodedError') return false
  return code === undefined || error.code === code
}

/** Any thrown value as a `CodedError`: itself if it is one, else wrapped under `code` with its message kept. */
export function toCodedError(error: unknown, code: string): CodedError {
  if (isCodedError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CodedError(code, message, { cause: error })
}
