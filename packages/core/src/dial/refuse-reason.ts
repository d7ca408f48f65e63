import type { RefuseReason } from '@tunnel/flow'

/**
 * What the client is told, by the code of the dial error. A refusal at the far end is a reset, as if the server
 * itself had said so; what we may not do is `prohibited`; a server that nobody can reach now is `host-unreachable`.
 */
export function refuseReasonOf(code: string): RefuseReason {
  switch (code) {
    case 'dial.refused':
    case 'dial.aborted':
      return 'reset'
    case 'dial.not-permitted':
    case 'dial.posture':
    case 'dial.encryption-required':
      return 'prohibited'
    default:
      return 'host-unreachable'
  }
}
