import type { Cancel, Clock, Milliseconds } from '@tunnel/flow'
import type { NetworkEvent, RouteControl } from '@tunnel/linux'

export interface ChangeWatchOptions {
  readonly control: RouteControl
  /** Of the link that is ours. */
  readonly index: number
  readonly clock: Clock
  /** Somebody may have taken something of ours. */
  readonly onChange: () => void
}

/** Changes come in bursts: the first of one waits so long for the others. */
const gathering: Milliseconds = 200

/** Tells when it is time to look whether the link still is as it was made. */
export class ChangeWatch {
  readonly #options: ChangeWatchOptions
  readonly #watch: { close(): void }
  #cancel: Cancel | undefined

  constructor(options: ChangeWatchOptions) {
    this.#options = options
    this.#watch = options.control.watch((events) => {
      if (events.some((event) => this.#concerns(event))) this.#plan()
    })
  }

  close(): void {
    this.#watch.close()
    this.#cancel?.()
  }

  /** IPv4 routes go with their link, and when it is switched off, without a word of their own. */
  #concerns({ kind, own, removed, index }: NetworkEvent): boolean {
    if (own) return false
    if (kind === 'link') return index === this.#options.index
    return removed || kind === 'lost'
  }

  #plan(): void {
    this.#cancel ??= this.#options.clock.after(gathering, () => {
      this.#cancel = undefined
      this.#options.onChange()
    })
  }
}
