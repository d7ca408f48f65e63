import { CodedError } from '@tunnel/flow'
import { parseReason } from '../channel/reason.ts'
import { EdgeErrorCode, HeaderId, RetryHint, stringHeader, uint32Header, type Frame } from '../wire.ts'

/** Why a router or a host said StateClosed to our Connect or Bind (protocol sections 4.2, 4.3 and 11.1). */
export interface Refusal {
  readonly reason: string
  /** Header 1014; absent in 2.0.3 for most reasons. */
  readonly errorCode?: number
  readonly retryHint?: number
  /** The session is at fault: a new one may do. */
  readonly sessionIsBad: boolean
}

export function parseRefusal(frame: Frame): Refusal {
  const reason = parseReason(frame.body)
  const errorCode = uint32Header(frame.headers, HeaderId.ErrorCode)
  const retryHint = parseRetryHint(stringHeader(frame.headers, HeaderId.StructuredError))
  const badCode = errorCode === EdgeErrorCode.InvalidApiSession || errorCode === EdgeErrorCode.InvalidSession
  // 'unable to get service token', 'failed to create service token from JWT'.
  const badText = /invalid session|service token/i.test(reason)
  return {
    reason,
    sessionIsBad: badCode || badText || retryHint === RetryHint.StartOver,
    ...(errorCode !== undefined && { errorCode }),
    ...(retryHint !== undefined && { retryHint }),
  }
}

function parseRetryHint(json: string | undefined): number | undefined {
  if (json === undefined) return undefined
  try {
    const parsed: unknown = JSON.parse(json)
    if (typeof parsed !== 'object' || parsed === null || !('retryHint' in parsed)) return undefined
    return typeof parsed.retryHint === 'number' ? parsed.retryHint : undefined
  } catch {
    return undefined
  }
}

const notPermitted: ReadonlySet<number> = new Set([EdgeErrorCode.AccessDenied, EdgeErrorCode.PostureCheckFailed, EdgeErrorCode.WrongSessionType])

/** 2.0.3 tells most of it in words alone (protocol section 11.1). */
function refusalCode({ errorCode, reason }: Refusal): string {
  if (errorCode !== undefined && notPermitted.has(errorCode)) return 'dial.not-permitted'
  if (errorCode === EdgeErrorCode.EncryptionDataMissing || reason.includes('encryption required')) return 'dial.encryption-required'
  if (errorCode === EdgeErrorCode.InvalidTerminator || reason.includes('has no terminators')) return 'dial.no-terminator'
  return 'dial.refused'
}

export function refusalError(refusal: Refusal, service: string): CodedError {
  const { reason, errorCode, retryHint } = refusal
  return new CodedError(refusalCode(refusal), `service '${service}' cannot be dialled: ${reason || 'no reason given'}`, {
    detail: { service, reason, ...(errorCode !== undefined && { errorCode }), ...(retryHint !== undefined && { retryHint }) },
  })
}
