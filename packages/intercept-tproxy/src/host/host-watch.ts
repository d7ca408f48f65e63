import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'
import type { NetworkEvent, RouteControl } from '@tunnel/linux'

export interface HostWatchOptions {
  readonly control: RouteControl
  readonly clock: Clock
  /** The host's network has changed, by whomever; `removed`: routes or rules have gone, perhaps ours. */
  readonly onChange: (removed: boolean) => void
  /** Time to look at what the kernel does not tell of: iptables. */
  readonly onInterval: () => void
}

/** Changes come in bursts: the first of one waits so long for the others. */
const gathering: Milliseconds = 200
const interval: Milliseconds = 30_000

/** Tells when it is time to look whether the host still is as it was made. */
export class HostWatch {
  readonly #options: HostWatchOptions
  readonly #watch: { close(): void }
  #cancelGathering: Cancel | undefined
  #cancelInterval: Cancel
  #removed = false

  constructor(options: HostWatchOptions) {
    this.#options = options
    this.#watch = options.control.watch((events) => this.#heard(events))
    this.#cancelInterval = this.#planInterval()
  }

  close(): void {
    this.#watch.close()
    this.#cancelGathering?.()
    this.#cancelInterval()
  }

  #heard(events: readonly NetworkEvent[]): void {
    const foreign = events.filter((event) => !isOurDoing(event))
    if (foreign.length === 0) return
    this.#removed ||= foreign.some(mayRemoveRoutes)
    this.#cancelGathering ??= this.#options.clock.after(gathering, () => {
      const removed = this.#removed
      this.#cancelGathering = undefined
      this.#removed = false
      this.#options.onChange(removed)
    })
  }

  #planInterval(): Cancel {
    return this.#options.clock.after(interval, () => {
      this.#cancelInterval = this.#planInterval()
      this.#options.onInterval()
    })
  }
}

/** Routes and rules are changed by us alone; an address of ours (the resolver's link) is one more that this host has. */
function isOurDoing({ own, kind }: NetworkEvent): boolean {
  return own && (kind === 'route' || kind === 'rule')
}

const loopbackIndex = 1

/** IPv4 routes that go with their link (ours lead to `lo`) or their source address go without a word. */
function mayRemoveRoutes({ kind, removed, index }: NetworkEvent): boolean {
  if (kind === 'lost') return true
  return kind === 'link' ? index === loopbackIndex : removed
}
