import { noTcpOptions } from '../wire/tcp-options.ts'
import { tcpFlag, type Segment, type SegmentHeader } from '../wire/tcp-segment.ts'
import { seqAdd, toSeq } from './seq.ts'

/** What a segment that belongs to no connection is answered with; nothing for a reset (RFC 9293 3.10.7.1). */
export function resetFor(segment: Segment): SegmentHeader | undefined {
  const { flags, seq, ack, payload, sourcePort, destinationPort } = segment
  if ((flags & tcpFlag.rst) !== 0) return undefined
  const ports = { sourcePort: destinationPort, destinationPort: sourcePort, window: 0, options: noTcpOptions }
  if ((flags & tcpFlag.ack) !== 0) return { ...ports, seq: ack, ack: toSeq(0), flags: tcpFlag.rst }
  const controls = ((flags & tcpFlag.syn) !== 0 ? 1 : 0) + ((flags & tcpFlag.fin) !== 0 ? 1 : 0)
  return { ...ports, seq: toSeq(0), ack: seqAdd(seq, payload.length + controls), flags: tcpFlag.rst | tcpFlag.ack }
}
