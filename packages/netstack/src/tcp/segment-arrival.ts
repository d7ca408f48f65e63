import type { Milliseconds } from '@tunnel/flow'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { isAcceptable, takeTimestamp } from './segment-acceptance.ts'
import { receiveAck } from './segment-ack.ts'
import { receiveText } from './segment-text.ts'
import type { Tcb } from './tcb.ts'

/** A segment for a connection whose peer has said SYN: RFC 9293 3.10.7.4 step by step, with what RFC 5961 and RFC 7323 put in its way. */
export function receiveSynchronized(tcb: Tcb, segment: Segment, congested: boolean, now: Milliseconds): void {
  const { flags, seq, payload } = segment
  if (!isAcceptable(tcb, segment, now)) return
  // Second: RST.
  if ((flags & tcpFlag.rst) !== 0) {
    // RFC 5961 3.2: only the very next number resets; another one in the window is asked back.
    if (seq === tcb.receiver.next) tcb.fail(tcb.state === 'SYN-RECEIVED' && !tcb.passive ? 'refused' : 'reset')
    else tcb.challenge(now)
    return
  }
  // Fourth: SYN. RFC 5961 4.2: asked back, whatever its number.
  if ((flags & tcpFlag.syn) !== 0) {
    tcb.challenge(now)
    return
  }
  // Fifth: ACK.
  if ((flags & tcpFlag.ack) === 0 || !receiveAck(tcb, segment, now)) return
  takeTimestamp(tcb, segment, now)
  if (tcb.ecn.received(flags, congested && payload.length > 0)) tcb.receiver.acks.now()
  // Sixth: URG.
  if ((flags & tcpFlag.urg) !== 0) tcb.urgent.receive(segment)
  if (payload.length > 0) tcb.keepAlive?.heard(now)
  receiveText(tcb, segment, seq, now)
}
