import { CodedError, createAbortedError, type Clock, type Endpoint, type Flow, type FlowErrorCode, type Milliseconds } from '@tunnel/flow'
import type { TcpFlow } from './tcp-flow.ts'
import type { TcpFailure } from './tcp-state.ts'

export interface TcpConnectOptions {
  /** The address must be ours; a free port is chosen where none is given. */
  readonly from?: Partial<Endpoint>
  /** Time allowed. Default: three minutes (`giveUpConnectAfter`). */
  readonly timeout?: Milliseconds
  readonly signal?: AbortSignal
}

/** Settles when the handshake of `flow` is over, or not wanted any more. */
export function opened(flow: TcpFlow, to: Endpoint, { signal, timeout }: TcpConnectOptions, clock: Clock): Promise<Flow> {
  return new Promise((resolve, reject) => {
    let timedOut = false
    const abort = (): void => flow.reset(createAbortedError())
    const cancel =
      timeout === undefined
        ? undefined
        : clock.after(timeout, () => {
            timedOut = true
            abort()
          })
    flow.onOpened = (failure) => {
      cancel?.()
      signal?.removeEventListener('abort', abort)
      if (failure) reject(connectError(timedOut ? 'timeout' : failure, to))
      else resolve(flow)
    }
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
  })
}

const codes: Readonly<Record<TcpFailure, FlowErrorCode>> = {
  reset: 'flow.connect-refused',
  refused: 'flow.connect-refused',
  timeout: 'flow.connect-timeout',
  unreachable: 'flow.connect-unreachable',
  aborted: 'flow.aborted',
}
const reasons: Readonly<Record<TcpFailure, string>> = {
  reset: 'the connection was reset while it opened',
  refused: 'nothing listens there',
  timeout: 'no answer',
  unreachable: 'no way leads there',
  aborted: 'given up',
}

function connectError(failure: TcpFailure, { address, port }: Endpoint): CodedError {
  return new CodedError(codes[failure], `Cannot connect to ${address} port ${port}: ${reasons[failure]}`, { detail: { address, port } })
}
