import { formatEndpoint, type Clock, type Endpoint, type Milliseconds, type Protocol } from '@tunnel/flow'
import { overlaps, parsePrefix, type Family, type Prefix } from '@tunnel/flow'
import { createBoxFinder, type Box } from '../boxes/box.ts'

/** The two ends of a flow that we took. */
export interface FlowEnds {
  readonly protocol: Protocol
  readonly from: Endpoint
  readonly to: Endpoint
}

export interface LingeringFlow extends FlowEnds {
  readonly family: Family
}

export interface LiveFlowsOptions {
  readonly clock: Clock
  /** Fewer flows linger than before. */
  readonly onSettled: () => void
}

/** So long the kernel may take to bring the last bytes of a connection to its client, after it was closed here. */
const tail: Milliseconds = 10_000

/**
 * The flows that are open. Those whose destination is no longer intercepted linger: the kernel must go on to bring exactly
 * their packets to us, and no others, until they end.
 */
export class LiveFlows {
  readonly #options: LiveFlowsOptions
  readonly #live = new Set<FlowEnds>()
  readonly #lingering = new Map<FlowEnds, LingeringFlow>()

  constructor(options: LiveFlowsOptions) {
    this.#options = options
  }

  get lingeringCount(): number {
    return this.#lingering.size
  }

  get lingering(): readonly LingeringFlow[] {
    return [...this.#lingering.values()]
  }

  /** To be called with the same object at the end. */
  opened(flow: FlowEnds): void {
    this.#live.add(flow)
  }

  /** `ended`: in order, so that the kernel may still have something to send. */
  closed(flow: FlowEnds, ended: boolean): void {
    this.#live.delete(flow)
    if (!this.#lingering.has(flow)) return
    this.#options.clock.after(ended ? tail : 0, () => {
      this.#lingering.delete(flow)
      this.#options.onSettled()
    })
  }

  /** These boxes are about to go: what is open in them lingers from now on. True when there is such a flow. */
  linger(removed: readonly Box[]): boolean {
    const isRemoved = createBoxFinder(removed)
    let found = false
    for (const flow of this.#live) {
      if (this.#lingering.has(flow) || !isRemoved(flow)) continue
      const family = flow.to.address.includes(':') ? 6 : 4
      this.#lingering.set(flow, { protocol: flow.protocol, from: withoutZone(flow.from), to: flow.to, family })
      found = true
    }
    return found
  }

  /** Tells of prefixes (`10.0.0.0/8`) whether a lingering flow goes there: asked of thousands of routes, of thousands of flows. */
  createNeed(): (cidr: string) => boolean {
    const addresses = new Map<string, Prefix>()
    for (const { to } of this.#lingering.values()) {
      const address = parsePrefix(to.address)
      if (address) addresses.set(address.cidr, address)
    }
    return (cidr) => {
      if (addresses.has(cidr)) return true
      const range = parsePrefix(cidr)
      if (!range || range.low === range.high) return false
      return [...addresses.values()].some((address) => overlaps(range, address))
    }
  }
}

/** The firewall compares addresses as they are in packets: `fe80::1%eth0` has no link there. */
function withoutZone(end: Endpoint): Endpoint {
  const zone = end.address.indexOf('%')
  return zone < 0 ? end : { address: end.address.slice(0, zone), port: end.port }
}

/** For sets: equal for equal ends. */
export function flowKey({ protocol, from, to }: FlowEnds): string {
  return `${protocol} ${formatEndpoint(from)} ${formatEndpoint(to)}`
}
