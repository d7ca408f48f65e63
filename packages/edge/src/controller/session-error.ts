import { CodedError } from '@tunnel/flow'
import type { SessionType } from './types.ts'

/** Why there is no service session, in the words of a dial (protocol section 2.11); other errors as they are. */
export function serviceSessionError(error: CodedError, serviceId: string, type: SessionType): CodedError {
  const { apiCode, reason } = error.detail
  const wrap = (code: string, message: string) => new CodedError(code, message, { detail: { ...error.detail, serviceId, type }, cause: error })
  if (error.code === 'controller.not-found' || (apiCode === 'COULD_NOT_VALIDATE' && reason === 'service not found')) {
    const what = type === 'Dial' ? 'dial' : 'host'
    return wrap('dial.no-service', `The controller has no service ${serviceId} that this identity may ${what}: it was deleted, or no policy allows it.`)
  }
  if (apiCode === 'INVALID_POSTURE') {
    return wrap('dial.posture', `Service ${serviceId} wants posture checks that this host does not pass.`)
  }
  if (apiCode === 'NO_EDGE_ROUTERS_AVAILABLE') {
    return wrap('dial.no-router', `No edge router is available for service ${serviceId}: all are offline, or no edge router policy gives one.`)
  }
  return error
}
