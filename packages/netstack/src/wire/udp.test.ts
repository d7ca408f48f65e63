import { describe, expect, it } from 'vitest'
import { DropCounts } from './drop-counts.ts'
import { encodeDatagramHeader, parseDatagram } from './udp.ts'

describe('UDP', () => {
  it('is read as it was written, without what follows the datagram', () => {
    const bytes = new Uint8Array(30)
    encodeDatagramHeader(53, 65_535, 4, bytes, 2)
    bytes.set([1, 2, 3, 4, 5], 10)
    expect(parseDatagram(bytes, 2, 28)).toEqual({ sourcePort: 53, destinationPort: 65_535, checksum: 0, payload: Uint8Array.of(1, 2, 3, 4) })
  })

  it('is refused where lengths lie', () => {
    const drops = new DropCounts()
    const bytes = new Uint8Array(20)
    encodeDatagramHeader(1, 2, 12, bytes)
    expect([parseDatagram(bytes, 0, 7, drops), parseDatagram(bytes, 0, 19, drops), parseDatagram(bytes, 1, 20, drops)]).toEqual([undefined, undefined, undefined])
    bytes[5] = 7
    expect(parseDatagram(bytes, 0, 20, drops)).toBeUndefined()
    expect(drops.toJSON()).toEqual({ 'udp.short': 2, 'udp.length': 2 })
  })
})
