import type { Clock, CodedError, Endpoint, Milliseconds, Protocol, PumpProgress, PumpResult } from '@tunnel/flow'
import type { Counters } from '../metrics/counters.ts'

export type FlowState = 'connecting' | 'open' | 'closing'

/** What is known when a flow is asked for. */
export interface FlowFacts {
  /** `dial`: a client of this host reaches out; `host`: a client of the overlay reaches a server here. */
  readonly direction: 'dial' | 'host'
  readonly protocol: Protocol
  readonly service: string
  /** Who asked, and whom: a side that is on the overlay has a name at most. */
  readonly from?: Endpoint | undefined
  readonly to?: Endpoint | undefined
  readonly caller?: string | undefined
}

/** One live flow as status shows it. Ages are in milliseconds before the snapshot. */
export interface FlowSnapshot extends FlowFacts {
  /** Unique in this process; also in every log line about this flow. */
  readonly id: string
  readonly state: FlowState
  readonly circuitId?: string | undefined
  /** Bytes (udp: datagrams) from the client to the server, and back. */
  readonly up: number
  readonly down: number
  readonly requestedAgo: Milliseconds
  readonly openedAgo?: Milliseconds | undefined
}

/** The life of one flow, told by whoever runs it. Exactly one `ended`. */
export interface FlowEntry {
  readonly id: string
  /** Joined: `progress` is read live (left is the client's side), `reset` cuts both sides. */
  opened(progress: PumpProgress, reset: (error: CodedError) => void, circuitId?: string): void
  /** `result` is absent when nothing was ever joined. */
  ended(result?: PumpResult): void
}

export interface FlowRegistry {
  readonly size: number
  /** `cancel` ends the attempt while it is not joined yet. */
  begin(facts: FlowFacts, cancel: (error: CodedError) => void): FlowEntry
  snapshot(): FlowSnapshot[]
  resetAll(error: CodedError): void
  /** Marks every live flow as closing, and resolves when none is left. */
  whenEmpty(): Promise<void>
}

interface LiveFlow {
  readonly facts: FlowFacts
  readonly requestedAt: Milliseconds
  openedAt?: Milliseconds
  circuitId?: string | undefined
  progress?: PumpProgress
  reset: (error: CodedError) => void
}

/** Every flow of this tunneler, from the first packet to the last: for status, for limits and for an orderly stop. */
export function createFlowRegistry({ clock, counters }: { clock: Clock; counters: Counters }): FlowRegistry {
  const flows = new Map<string, LiveFlow>()
  const waiters: (() => void)[] = []
  let lastId = 0
  let closing = false

  const remove = (id: string): void => {
    if (!flows.delete(id) || flows.size > 0) return
    for (const waiter of waiters.splice(0)) waiter()
  }

  return {
    get size() {
      return flows.size
    },
    begin(facts, cancel) {
      lastId += 1
      const id = `f${lastId.toString(36)}`
      const flow: LiveFlow = { facts, requestedAt: clock.now(), reset: cancel }
      flows.set(id, flow)
      return {
        id,
        opened(progress, reset, circuitId) {
          counters.increment('flows.opened')
          Object.assign(flow, { progress, reset, circuitId, openedAt: clock.now() })
        },
        ended(result) {
          if (result && flows.has(id)) countEnd(counters, facts.protocol, result)
          remove(id)
        },
      }
    },
    snapshot: () => [...flows].map(([id, flow]) => describe(id, flow, clock.now(), closing)),
    resetAll(error) {
      for (const flow of [...flows.values()]) flow.reset(error)
    },
    whenEmpty() {
      closing = true
      return flows.size === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))
    },
  }
}

function countEnd(counters: Counters, protocol: Protocol, result: PumpResult): void {
  const unit = protocol === 'tcp' ? 'bytes' : 'datagrams'
  counters.increment(`${unit}.up`, result.leftToRight)
  counters.increment(`${unit}.down`, result.rightToLeft)
  counters.increment(result.error ? 'flows.failed' : 'flows.closed')
}

function describe(id: string, flow: LiveFlow, now: Milliseconds, closing: boolean): FlowSnapshot {
  const { facts, progress, openedAt } = flow
  const open = closing ? 'closing' : 'open'
  return {
    ...facts,
    id,
    state: progress ? open : 'connecting',
    circuitId: flow.circuitId,
    up: progress?.leftToRight ?? 0,
    down: progress?.rightToLeft ?? 0,
    requestedAgo: now - flow.requestedAt,
    openedAgo: openedAt === undefined ? undefined : now - openedAt,
  }
}
