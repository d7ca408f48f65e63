import type { Milliseconds } from '@tunnel/flow'
import type { SackBlock } from '../wire/tcp-options.ts'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { acknowledgesSyn, establish } from './handshake.ts'
import { seqLess } from './seq.ts'
import type { Tcb } from './tcb.ts'

const noBlocks: readonly SackBlock[] = []

/** RFC 9293 3.10.7.4, fifth: what the segment acknowledges. False if it is done with. */
export function receiveAck(tcb: Tcb, segment: Segment, now: Milliseconds): boolean {
  const { ack, seq, payload, options, flags } = segment
  const { sender } = tcb
  const window = segment.window << tcb.peerShift
  if (tcb.state === 'SYN-RECEIVED') {
    if (!acknowledgesSyn(tcb, segment)) {
      tcb.resetDue = { seq: ack, withAck: false }
      return false
    }
    establish(tcb, window, segment)
  }
  // RFC 5961 5.2: neither what was never sent nor what is older than any window.
  if (!sender.isAcceptableAck(ack)) {
    tcb.challenge(now)
    return false
  }
  if (seqLess(ack, sender.una)) return true
  tcb.keepAlive?.heard(now)
  const changed = sender.updateWindow(window, seq, ack)
  const bare = payload.length === 0 && (flags & tcpFlag.fin) === 0 && !changed && ack === sender.una
  sender.acknowledge(ack, tcb.sackAgreed ? options.sack : noBlocks, tcb.timestamps.echoedAt(segment, now), bare, now)
  if (tcb.ecn.isEcho(flags)) sender.recovery.marked(sender.next, now)
  if (sender.finished) tcb.finAcknowledged(now)
  return tcb.state !== 'CLOSED'
}
