import type { UdpSession } from './udp-session.ts'

/**
 * Sessions that have a bound together. For one more, the one ends in which nothing has passed for longest: a client that asks now is likelier to wait for an
 * answer than one that has been silent.
 */
export class UdpSessions {
  /** Sessions that ended to make room for others. */
  displaced = 0
  readonly #limit: number
  /** The longest idle first. */
  readonly #byActivity = new Set<UdpSession>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#byActivity.size
  }

  /** A session has begun. */
  add(session: UdpSession): void {
    const [longestIdle] = this.#byActivity
    if (longestIdle && this.#byActivity.size >= this.#limit) {
      this.displaced += 1
      longestIdle.close()
    }
    this.#byActivity.add(session)
  }

  /** Something has passed in it. */
  touch(session: UdpSession): void {
    if (this.#byActivity.delete(session)) this.#byActivity.add(session)
  }

  remove(session: UdpSession): void {
    this.#byActivity.delete(session)
  }
}
