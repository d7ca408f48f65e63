import type { Milliseconds } from '@tunnel/flow'
import type { IcmpErrorReason } from '../icmp/error-reason.ts'

/**
 * Something that a program may want to know of a connection that lives on (RFC 9293 3.9.1.8).
 *
 * - `retransmissions`: the same data was sent again so often (R1) without an answer, for `since` milliseconds.
 * - `icmp`: somebody on the way says so; it may be forged, and it may pass (RFC 5927 4).
 * - `urgent`: the peer calls so many bytes urgent that are still to be read.
 */
export type TcpReport =
  | { readonly kind: 'retransmissions'; readonly count: number; readonly since: Milliseconds }
  | { readonly kind: 'icmp'; readonly reason: Exclude<IcmpErrorReason, 'too-big'> }
  | { readonly kind: 'urgent'; readonly bytes: number }

const noReports: readonly TcpReport[] = []

/** Reports that wait until the program may be called. One of each kind: the last. */
export class TcpReports {
  /** Nobody listens: nothing is kept (SHLD-20). */
  wanted = false
  #waiting: readonly TcpReport[] = noReports

  get waiting(): boolean {
    return this.#waiting.length > 0
  }

  add(report: TcpReport): void {
    if (this.wanted) this.#waiting = [...this.#waiting.filter(({ kind }) => kind !== report.kind), report]
  }

  take(): readonly TcpReport[] {
    const reports = this.#waiting
    this.#waiting = noReports
    return reports
  }
}
