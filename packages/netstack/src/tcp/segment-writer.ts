import type { Milliseconds } from '@tunnel/flow'
import { noTcpOptions, type SackBlock, type TcpOptions } from '../wire/tcp-options.ts'
import { tcpFlag, type SegmentHeader } from '../wire/tcp-segment.ts'
import type { SegmentOutput } from './segment-output.ts'
import { seqAdd, type Seq } from './seq.ts'
import type { Tcb } from './tcb.ts'
import type { EmitSegment } from './tcp-connection-options.ts'

const noParts: readonly Uint8Array[] = []
const noBlocks: readonly SackBlock[] = []

/** Makes the segments of one connection. Each method is false if the device takes none now. */
export class SegmentWriter implements SegmentOutput {
  /** Where segments go, as long as they are written. */
  emit: EmitSegment = () => false
  readonly #tcb: Tcb
  readonly #localPort: number
  readonly #remotePort: number

  constructor(tcb: Tcb, localPort: number, remotePort: number) {
    this.#tcb = tcb
    this.#localPort = localPort
    this.#remotePort = remotePort
  }

  sendData(seq: Seq, length: number, syn: boolean, fin: boolean, now: Milliseconds): boolean {
    const { sender, receiver, timestamps, ecn, state } = this.#tcb
    const { recovery, next, buffer } = sender
    const parts = length > 0 ? buffer.view(syn ? seqAdd(seq, 1) : seq, length) : noParts
    const acks = state !== 'SYN-SENT'
    const last = length > 0 && seqAdd(seq, length) === buffer.end
    const flags = (acks ? tcpFlag.ack : 0) | (syn ? tcpFlag.syn : 0) | (fin ? tcpFlag.fin : 0) | (last ? tcpFlag.psh : 0)
    const options = syn ? timestamps.stamped(this.#tcb.offered, now) : timestamps.options(noBlocks, now)
    const isNewData = length > 0 && seq === next
    const ecnFlags = syn ? ecn.synFlags(acks, recovery.sent.count === 0) : isNewData ? ecn.dataFlags(recovery.reductions) : ecn.ackFlags
    // RFC 3168 6.1.5: what is sent again may not be marked.
    if (!this.#send(seq, flags | ecnFlags, options, parts, length, isNewData && ecn.agreed)) return false
    if (isNewData) ecn.dataSent(recovery.reductions)
    if (fin) this.#tcb.finSent()
    // A full segment has no room for SACK blocks: they follow in an ACK of their own.
    if (acks && (syn || !receiver.hasSackBlocks)) receiver.acks.sent()
    return true
  }

  sendProbe(now: Milliseconds): boolean {
    const { sender, timestamps } = this.#tcb
    return this.#sendBare(seqAdd(sender.next, -1), timestamps.options(noBlocks, now))
  }

  sendAck(now: Milliseconds): boolean {
    const { sender, receiver, timestamps, sackAgreed } = this.#tcb
    const blocks = sackAgreed ? receiver.takeSackBlocks(timestamps.agreed ? 3 : 4) : noBlocks
    if (!this.#sendBare(sender.next, timestamps.options(blocks, now))) return false
    receiver.acks.sent()
    return true
  }

  /** If one is due. */
  sendReset(now: Milliseconds): boolean {
    const { resetDue, timestamps } = this.#tcb
    if (!resetDue) return true
    const { seq, withAck } = resetDue
    const flags = tcpFlag.rst | (withAck ? tcpFlag.ack : 0)
    if (!this.#send(seq, flags, withAck ? timestamps.options(noBlocks, now) : noTcpOptions, noParts, 0, false)) return false
    this.#tcb.resetDue = undefined
    return true
  }

  #sendBare(seq: Seq, options: TcpOptions): boolean {
    return this.#send(seq, tcpFlag.ack | this.#tcb.ecn.ackFlags, options, noParts, 0, false)
  }

  #send(seq: Seq, flags: number, options: TcpOptions, parts: readonly Uint8Array[], payloadBytes: number, capable: boolean): boolean {
    const { receiver, timestamps } = this.#tcb
    const acks = (flags & tcpFlag.ack) !== 0
    const ack = acks ? receiver.next : (0 as Seq)
    const window = receiver.advertise((flags & tcpFlag.syn) !== 0)
    const urgent = acks ? this.#tcb.urgentPointer(seq) : 0
    const allFlags = urgent > 0 ? flags | tcpFlag.urg : flags
    const header: SegmentHeader = { sourcePort: this.#localPort, destinationPort: this.#remotePort, seq, ack, flags: allFlags, window, urgent, options }
    if (!this.emit(header, parts, payloadBytes, capable)) return false
    if (acks) timestamps.ackSent(ack)
    return true
  }
}
