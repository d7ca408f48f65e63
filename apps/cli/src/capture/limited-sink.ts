import type { PcapSink } from '@tunnel/netstack'

/** Passes on whole pieces (a file's header, packets) as long as all of them are `limitBytes` together at most; then nothing any more. */
export function limitedSink(sink: PcapSink, limitBytes: number, onFull: () => void): PcapSink {
  let left = limitBytes
  return (piece) => {
    if (left < 0) return
    left -= piece.length
    if (left < 0) onFull()
    else sink(piece)
  }
}
