import { CodedError, isCodedError } from '@tunnel/flow'

/** Why no answer came, as one of `controller.unreachable`, `.timeout`, `.untrusted` (or a `CodedError` as it is). */
export function transportError(error: unknown, controller: string): CodedError {
  if (isCodedError(error)) return error
  const code = codeOf(error)
  const detail = { controller, reason: code }
  const advice = untrusted(code, error, controller)
  if (advice !== undefined) return new CodedError('controller.untrusted', advice, { detail, cause: error })
  if (code === 'ETIMEDOUT' || code === 'TimeoutError') {
    return new CodedError('controller.timeout', `Controller ${controller} did not answer in time.`, { detail, cause: error })
  }
  const message = `Controller ${controller} cannot be reached: ${reasonOf(code, error)}.`
  return new CodedError('controller.unreachable', message, { detail, cause: error })
}

/** Of an AggregateError (several addresses tried) the code of its first member. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  return error.name === 'TimeoutError' ? error.name : undefined
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused; is the address right, and the controller running?',
  ENOTFOUND: 'its name is not known; check the name and the resolver of this host',
  EAI_AGAIN: 'the resolver of this host does not answer',
  ENETUNREACH: 'there is no route to its network',
  EHOSTUNREACH: 'there is no route to it',
  ECONNRESET: 'it closed the connection',
}

function reasonOf(code: string | undefined, error: unknown): string {
  const known = code === undefined ? undefined : reasons[code]
  if (known !== undefined) return `${known} (${code})`
  return error instanceof Error && error.message !== '' ? error.message : String(code ?? error)
}

/** What to do about a certificate that does not verify; `undefined` for all other errors. */
function untrusted(code: string | undefined, error: unknown, controller: string): string | undefined {
  const head = `The certificate of controller ${controller} is not trusted: `
  switch (code) {
    case 'CERT_NOT_YET_VALID':
      return `${head}it is not valid yet by the clock of this host, which says ${new Date().toISOString()}. Set the clock.`
    case 'CERT_HAS_EXPIRED':
      return `${head}it has expired by the clock of this host, which says ${new Date().toISOString()}. `
        + 'If the clock is right, the controller needs a new certificate.'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `${head}it is for other names (${error instanceof Error ? error.message : ''}). Use a name that is in it.`
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'CERT_SIGNATURE_FAILURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `${head}no certificate of the identity's CA bundle signed it (${code}). `
        + 'It may be another network, or something between us and it; enroll anew if the CA of the network was replaced.'
    default:
      return code?.startsWith('CERT_') === true ? `${head}${code}.` : undefined
  }
}
