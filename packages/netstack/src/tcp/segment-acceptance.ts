import type { Milliseconds } from '@tunnel/flow'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { isRepeatedSyn } from './handshake.ts'
import { receiveAck } from './segment-ack.ts'
import { seqAdd, seqLess, seqLessOrEqual, type Seq } from './seq.ts'
import type { Tcb } from './tcb.ts'

/** RFC 9293 3.10.7.4, first, after RFC 7323 5.3, R1. What may not be taken is answered here. */
export function isAcceptable(tcb: Tcb, segment: Segment, now: Milliseconds): boolean {
  return hasAcceptableTime(tcb, segment, now) && hasAcceptableNumber(tcb, segment, now)
}

/** RFC 7323 5.3, R3: not before all other checks, or one segment from nowhere would make all that follow look old. */
export function takeTimestamp({ timestamps }: Tcb, { options, seq }: Segment, now: Milliseconds): void {
  if (options.timestamp && timestamps.agreed) timestamps.update(options.timestamp.value, seq, now)
}

/** RFC 7323 5.3, R1: before all other checks. */
function hasAcceptableTime(tcb: Tcb, { options, flags, payload, seq }: Segment, now: Milliseconds): boolean {
  const { timestamps } = tcb
  if (!timestamps.agreed || (flags & tcpFlag.rst) !== 0) return true
  // RFC 7323 3.2: without the option that was agreed on it is not from this connection.
  if (!options.timestamp) return false
  if (!timestamps.isOld(options.timestamp.value, now)) return true
  if ((flags & tcpFlag.syn) === 0) answerUnacceptable(tcb, seq, payload.length, flags, now)
  else tcb.challenge(now)
  return false
}

/** Something of the segment must lie in the window. */
function hasAcceptableNumber(tcb: Tcb, segment: Segment, now: Milliseconds): boolean {
  const { seq, payload, flags } = segment
  if (tcb.receiver.accepts(seq, payload.length)) return true
  if ((flags & tcpFlag.rst) !== 0) return false
  if (isRepeatedSyn(tcb, segment)) {
    tcb.repeatSyn(true, now)
    return false
  }
  // Sent again because our ACK was lost: its own ACK, and its time, may be news all the same. As hard to forge as what lies in the window.
  if (tcb.established && isRepeated(tcb, segment) && tcb.sender.isAcceptableAck(segment.ack)) {
    takeTimestamp(tcb, segment, now)
    tcb.keepAlive?.heard(now)
    if (seqLess(tcb.sender.una, segment.ack)) receiveAck(tcb, segment, now)
  }
  if (tcb.state === 'CLOSED') return false
  if (tcb.state === 'TIME-WAIT' && (flags & tcpFlag.fin) !== 0) tcb.timeWaitUntil = now + tcb.settings.timeWait
  answerUnacceptable(tcb, seq, payload.length, flags, now)
  return false
}

/** It has text or a FIN, all of which has come, and from less than a window before. */
function isRepeated(tcb: Tcb, { seq, payload, flags }: Segment): boolean {
  if ((flags & (tcpFlag.syn | tcpFlag.ack)) !== tcpFlag.ack || (payload.length === 0 && (flags & tcpFlag.fin) === 0)) return false
  const { next, window } = tcb.receiver
  return seqLess(seq, next) && seqLessOrEqual(seqAdd(next, -window.limitBytes), seq)
}

/** What may be a retransmission is always answered, the rest not without end. */
function answerUnacceptable(tcb: Tcb, seq: Seq, textLength: number, flags: number, now: Milliseconds): void {
  const { receiver } = tcb
  if (textLength > 0 && seqLess(seq, receiver.next)) receiver.repeated(seq, textLength)
  else if (textLength > 0 || (flags & tcpFlag.fin) !== 0) receiver.acks.now()
  else tcb.challenge(now)
}
