import type { Service } from '@tunnel/config'
import { CodedError } from '@tunnel/flow'
import type { DatagramFlow, DatagramHandler, Flow, FlowHandler, FlowInfo, Protocol } from '@tunnel/flow'
import { createDatagramFlowPair, createFlowPair } from '@tunnel/flow/testing'
import type { DialRequest, IncomingCall } from '../contracts/overlay.ts'
import type { SharedState } from './memory-network.ts'
import type { MemoryOverlay, Terminator } from './memory-overlay.ts'

export type Accepted =
  | { readonly protocol: 'tcp'; readonly flow: Flow }
  | { readonly protocol: 'udp'; readonly flow: DatagramFlow }

export interface CallFacts {
  readonly shared: SharedState
  readonly dialer: MemoryOverlay
  readonly terminator: Terminator
  readonly service: Service
  readonly request: DialRequest
  readonly signal: AbortSignal | undefined
}

/** Brings a dial to its host, and settles with the host's answer, the time-out, the abort or the end of an overlay. */
export function placeCall(facts: CallFacts): Promise<Accepted> {
  const { shared, dialer, terminator, service, request, signal } = facts
  const circuitId = `c${shared.nextCircuit++}`

  return new Promise((resolve, reject) => {
    const timeout = request.timeout ?? shared.dialTimeout
    const timedOut = (): void => fail(new CodedError('dial.timeout', `no answer within ${timeout} ms`))
    const aborted = (): void => fail(new CodedError('dial.aborted', 'the dial was aborted', { cause: signal?.reason }))
    const closed = (): void => fail(new CodedError('overlay.closed', 'the overlay was closed during the dial'))
    const cancelTimer = shared.clock.after(timeout, timedOut)
    const offClose = dialer.onClose(closed)
    let open = true

    const settle = (): boolean => {
      if (!open) return false
      open = false
      cancelTimer()
      offClose()
      signal?.removeEventListener('abort', aborted)
      return true
    }
    const fail = (error: CodedError): void => {
      if (settle()) reject(error)
    }

    signal?.addEventListener('abort', aborted)
    if (signal?.aborted) return aborted()

    const answer = <T extends Flow | DatagramFlow>(pair: [T, T], accepted: (flow: T) => Accepted, end: (flow: T, error: CodedError) => void): T => {
      const [ours, theirs] = pair
      // An answer that comes too late meets a dead circuit, as on a real network.
      if (!settle()) end(theirs, new CodedError('flow.reset', 'the dialer has given up'))
      onceClosed(ours, dialer.onClose((error) => end(ours, error)))
      onceClosed(theirs, terminator.owner.onClose((error) => end(theirs, error)))
      resolve(accepted(ours))
      return theirs
    }
    const info = (protocol: Protocol): FlowInfo => ({ protocol, service: service.name, circuitId })

    const call: IncomingCall = {
      service: service.name,
      circuitId,
      callerId: dialer.identity.name,
      dialerIdentityId: dialer.identity.id,
      dialerIdentityName: dialer.identity.name,
      appData: { ...request.appData },
      accept: () =>
        answer<Flow>(
          createFlowPair({ left: info('tcp'), right: info('tcp') }),
          (flow) => ({ protocol: 'tcp', flow }),
          (flow, error) => flow.reset(error),
        ),
      acceptDatagrams: () =>
        answer<DatagramFlow>(
          createDatagramFlowPair({ left: info('udp'), right: info('udp') }),
          (flow) => ({ protocol: 'udp', flow }),
          (flow, error) => flow.close(error),
        ),
      refuse: (reason) => fail(new CodedError('dial.refused', reason)),
    }
    // The host hears of it later, as from a network: never inside the dialer's own call.
    queueMicrotask(() => {
      if (open) terminator.accept(call)
    })
  })
}

/** Calls `off` when the flow closes, so that its overlay forgets it. */
function onceClosed(flow: Flow | DatagramFlow, off: () => void): void {
  const attach = flow.attach.bind(flow) as (handler: FlowHandler & DatagramHandler) => void
  flow.attach = (handler: FlowHandler | DatagramHandler) => {
    const inner = handler as FlowHandler & DatagramHandler
    attach({
      data: (chunk, hold) => inner.data(chunk, hold),
      message: (datagram) => inner.message(datagram),
      end: () => inner.end(),
      drain: () => inner.drain(),
      close(error) {
        off()
        inner.close(error)
      },
    })
  }
}
