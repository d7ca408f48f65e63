import { tcpFlag } from '../wire/tcp-segment.ts'

/** `off`: never. `answer`: where the peer asks for it, as Linux does by default. `ask`: also for connections that we open. */
export type EcnMode = 'off' | 'answer' | 'ask'

/** The two low bits of the traffic class (RFC 3168 5). */
export const ecnField = { mask: 3, capable: 2, congested: 3 } as const

const both = tcpFlag.ece | tcpFlag.cwr

/** Explicit congestion notification of one connection: what was agreed, what the peer is told, and what it has heard of us (RFC 3168 6.1). */
export class Ecn {
  agreed = false
  readonly #mode: EcnMode
  /** A packet came marked, and the peer has not said yet that it heard of it. */
  #echoes = false
  /** How often we have slowed down, as far as the peer was told. */
  #toldReductions = 0

  constructor(mode: EcnMode) {
    this.#mode = mode
  }

  /** Of our SYN ACK, or of the SYN that we open with. Of those only the first asks: a path that drops such SYNs is not to cost the connection (6.1.1.1). */
  synFlags(answers: boolean, first: boolean): number {
    if (answers) return this.agreed ? tcpFlag.ece : 0
    return this.#mode === 'ask' && first ? both : 0
  }

  /** A SYN has come. Both bits ask. */
  asked(flags: number): void {
    this.agreed = this.#mode !== 'off' && (flags & both) === both
  }

  /** SYN ACK has come. One bit alone agrees; both would be a peer that only mirrors what it gets. */
  answered(flags: number): void {
    this.agreed = this.#mode === 'ask' && (flags & both) === tcpFlag.ece
  }

  /** An acceptable segment has come. True: the peer is to hear of a mark at once. */
  received(flags: number, congested: boolean): boolean {
    if (!this.agreed) return false
    if ((flags & tcpFlag.cwr) !== 0) this.#echoes = false
    const isNews = congested && !this.#echoes
    this.#echoes ||= congested
    return isNews
  }

  /** The peer says that a packet of ours was marked. */
  isEcho(flags: number): boolean {
    return this.agreed && (flags & tcpFlag.ece) !== 0
  }

  /** Of a segment without new data. */
  get ackFlags(): number {
    return this.#echoes ? tcpFlag.ece : 0
  }

  /** Of new data, which tells of the last of our `reductions`, whatever their reason (6.1.2). */
  dataFlags(reductions: number): number {
    return this.ackFlags | (this.agreed && reductions !== this.#toldReductions ? tcpFlag.cwr : 0)
  }

  /** New data has gone out. */
  dataSent(reductions: number): void {
    this.#toldReductions = reductions
  }
}
