import { CodedError } from './coded-error.ts'

/**
 * Why a flow closed out of order, or never opened.
 *
 * - `flow.reset`: the other end reset it, or is gone.
 * - `flow.overrun`: the sender ignored back-pressure. A defect of the program that sends.
 * - `flow.aborted`: it was destroyed here, or its transport closed, before both halves had ended.
 * - `flow.transport`: the transport failed otherwise; `detail.errno` says how (`ETIMEDOUT`, `ENETUNREACH`).
 * - `flow.attached`: `attach` was called twice (thrown). A defect of the program that attaches.
 * - `flow.answered`: a request was accepted or refused twice (thrown). A defect of the program that answers.
 * - `flow.connect-refused`, `flow.connect-unreachable`, `flow.connect-timeout`, `flow.connect-failed`: no connection came about.
 */
export type FlowErrorCode =
  | 'flow.reset'
  | 'flow.overrun'
  | 'flow.aborted'
  | 'flow.transport'
  | 'flow.attached'
  | 'flow.answered'
  | 'flow.connect-refused'
  | 'flow.connect-unreachable'
  | 'flow.connect-timeout'
  | 'flow.connect-failed'

export function createOverrunError(queuedBytes: number, limitBytes: number): CodedError {
  return new CodedError('flow.overrun', 'Two chunks were sent after the flow had asked to wait: wait for drain after send returned false', {
    detail: { queuedBytes, limitBytes },
  })
}

export function createAttachedError(): CodedError {
  return new CodedError('flow.attached', 'This flow already has a handler: attach is called exactly once')
}

export function createAnsweredError(): CodedError {
  return new CodedError('flow.answered', 'This request is answered already: accept or refuse it once')
}

export function createResetError(cause?: unknown): CodedError {
  return new CodedError('flow.reset', 'The other end reset the connection', cause === undefined ? {} : { cause })
}

export function createAbortedError(): CodedError {
  return new CodedError('flow.aborted', 'The connection was closed here before both of its halves had ended')
}
