import type { Milliseconds } from '@tunnel/flow'
import type { Seq } from './seq.ts'

/** Puts segments on their way. False: the device takes none now; the segment counts as not sent. */
export interface SegmentOutput {
  /** `length` bytes of data from `seq` on, after a SYN and before a FIN if those are set. */
  sendData(seq: Seq, length: number, syn: boolean, fin: boolean, now: Milliseconds): boolean
  /** An empty segment whose number lies just before SND.NXT: whoever gets it must answer (RFC 9293 3.8.4, 3.10.7.4). */
  sendProbe(now: Milliseconds): boolean
}
