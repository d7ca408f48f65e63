import type { Milliseconds } from '@tunnel/flow'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import type { Seq } from './seq.ts'
import type { Tcb } from './tcb.ts'

/** RFC 9293 3.10.7.4, seventh and eighth: text, which begins at `seq`, and FIN. */
export function receiveText(tcb: Tcb, { payload, flags }: Segment, seq: Seq, now: Milliseconds): void {
  const { state, receiver } = tcb
  const fin = (flags & tcpFlag.fin) !== 0
  if (payload.length === 0 && !fin) return
  if (state !== 'ESTABLISHED' && state !== 'FIN-WAIT-1' && state !== 'FIN-WAIT-2') {
    // Only a retransmission can come after their FIN.
    receiver.acks.now()
    return
  }
  receiver.receive(seq, payload, fin, now)
  if (receiver.finished) tcb.finReceived(now)
}
