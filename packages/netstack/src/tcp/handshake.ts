import type { Milliseconds } from '@tunnel/flow'
import type { SackBlock, TcpOptions } from '../wire/tcp-options.ts'
import { tcpFlag, type Segment, type SegmentHeader } from '../wire/tcp-segment.ts'
import { seqAdd, seqLess, seqLessOrEqual } from './seq.ts'
import { receiveText } from './segment-text.ts'
import type { Tcb } from './tcb.ts'
import { synOffer } from './tcp-settings.ts'

/** Smaller ones are not believed: a packet per byte would cost us more than them. */
export const leastMss = 64
const noBlocks: readonly SackBlock[] = []

/** RFC 9293 3.10.1, active: our SYN goes out next. */
export function openActively(tcb: Tcb): void {
  tcb.state = 'SYN-SENT'
  tcb.offered = synOptions(tcb, undefined)
}

/** RFC 9293 3.10.7.2, third: answers `syn`. Its data, if any, will come again. */
export function answerSyn(tcb: Tcb, syn: Segment, now: Milliseconds): void {
  tcb.passive = true
  tcb.state = 'SYN-RECEIVED'
  receiveSyn(tcb, syn, now)
  tcb.ecn.asked(syn.flags)
  tcb.offered = synOptions(tcb, syn.options)
}

/** RFC 9293 3.10.7.3. */
export function receiveInSynSent(tcb: Tcb, segment: Segment, now: Milliseconds): void {
  const { flags, ack } = segment
  const { sender, ecn } = tcb
  const hasAck = (flags & tcpFlag.ack) !== 0
  // First: an ACK of what we have not sent.
  if (hasAck && !acknowledgesSyn(tcb, segment)) {
    if ((flags & tcpFlag.rst) === 0) tcb.resetDue = { seq: ack, withAck: false }
    return
  }
  // Second: a reset counts only with that ACK, or anybody could send it (RFC 5961 3).
  if ((flags & tcpFlag.rst) !== 0) {
    if (hasAck) tcb.fail('refused')
    return
  }
  // Fourth: the SYN.
  if ((flags & tcpFlag.syn) === 0) return
  receiveSyn(tcb, segment, now)
  if (hasAck) ecn.answered(flags)
  else ecn.asked(flags)
  if (!hasAck) {
    // Both have opened at once: our SYN goes out again, now with an ACK.
    tcb.state = 'SYN-RECEIVED'
    tcb.offered = synOptions(tcb, segment.options)
    tcb.repeatSyn(false, now)
    return
  }
  sender.acknowledge(ack, noBlocks, tcb.timestamps.echoedAt(segment, now), false, now)
  establish(tcb, segment.window, segment)
  tcb.keepAlive?.heard(now)
  tcb.receiver.acks.now()
  receiveText(tcb, segment, seqAdd(segment.seq, 1), now)
}

/** Whether it acknowledges our SYN, before which nothing was sent. */
export function acknowledgesSyn({ sender }: Tcb, { ack }: SegmentHeader): boolean {
  return seqLess(sender.una, ack) && seqLessOrEqual(ack, sender.next)
}

export function establish(tcb: Tcb, window: number, { seq, ack }: SegmentHeader): void {
  tcb.state = 'ESTABLISHED'
  tcb.sender.established(window, seq, ack)
}

/** The SYN that we have answered, once more: our answer was lost. */
export function isRepeatedSyn(tcb: Tcb, { seq, flags }: SegmentHeader): boolean {
  return tcb.state === 'SYN-RECEIVED' && (flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn && seq === tcb.peerInitial
}

function receiveSyn(tcb: Tcb, { seq, options, window }: Segment, now: Milliseconds): void {
  const { settings, timestamps, receiver, sender } = tcb
  tcb.peerInitial = seq
  if (settings.timestamps && options.timestamp) timestamps.start(options.timestamp.value, now)
  receiver.start(seq, tcb.mss - timestamps.optionBytes)
  if (settings.windowScaling && options.windowScale !== undefined) {
    tcb.peerShift = options.windowScale
    receiver.window.shift = receiver.window.offeredShift
  }
  tcb.sackAgreed = settings.sack && options.sackPermitted
  // What the path takes may be known already: from other connections, or by an ICMP error for our SYN.
  const mss = Math.max(leastMss, Math.min(options.mss ?? tcb.defaultPeerMss, sender.mss))
  sender.negotiated(mss - timestamps.optionBytes, tcb.sackAgreed)
  sender.window.bytes = window
}

function synOptions(tcb: Tcb, peer: TcpOptions | undefined): TcpOptions {
  return synOffer(tcb.settings, tcb.mss, tcb.receiver.window.offeredShift, peer)
}
