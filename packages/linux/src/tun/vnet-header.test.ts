import { describe, expect, it } from 'vitest'
import { splitDatagrams } from './split-datagrams.ts'
import { readVnetHeader, vnetHeaderBytes, writeVnetHeader } from './vnet-header.ts'

/** Headers with nothing in them but what offloads look at. */
function headOf(version: 4 | 6, protocol: number, fragment = 0): Uint8Array {
  const ipBytes = version === 4 ? 20 : 40
  const head = new Uint8Array(ipBytes + (protocol === 6 ? 32 : 8))
  head[0] = version === 4 ? 0x45 : 0x60
  head[version === 4 ? 9 : 6] = protocol
  head[7] = version === 4 ? fragment : 0
  if (protocol === 6) head[ipBytes + 12] = 0x80
  return head
}

function written(head: Uint8Array, bytes: number, mtu: number, segmentBytes?: number): readonly number[] | false {
  const into = new Uint8Array(vnetHeaderBytes).fill(0xee)
  const view = new DataView(into.buffer)
  if (!writeVnetHeader(into, head, bytes, mtu, segmentBytes)) return false
  return [into[0]!, into[1]!, ...[2, 4, 6, 8].map((at) => view.getUint16(at, true))]
}

describe('what the kernel is to do', () => {
  it.each([
    // flags, type, header length, segment size, where the sum begins and stands
    ['TCP that fits', headOf(4, 6), 1500, 1500, undefined, [1, 0, 0, 0, 20, 16]],
    ['TCP beyond the MTU', headOf(4, 6), 60_000, 1500, undefined, [1, 1, 52, 1448, 20, 16]],
    ['TCP beyond what the peer takes, though not the MTU', headOf(4, 6), 60_000, 65_535, 1_400, [1, 1, 52, 1_400, 20, 16]],
    ['TCP over IPv6', headOf(6, 6), 60_000, 1500, 9_000, [1, 4, 72, 1428, 40, 16]],
    ['UDP', headOf(4, 17), 900, 1500, undefined, [1, 0, 0, 0, 20, 6]],
    ['UDP beyond the MTU', headOf(4, 17), 1501, 1500, undefined, false],
    ['a fragment', headOf(4, 17, 3), 1500, 1500, undefined, [0, 0, 0, 0, 0, 0]],
    ['ICMP', headOf(6, 58), 100, 1500, undefined, [0, 0, 0, 0, 0, 0]],
    ['a header above the MTU', headOf(4, 6), 60_000, 40, undefined, false],
  ] as const)('%s', (_what, head, bytes, mtu, segmentBytes, expected) => {
    expect(written(head, bytes, mtu, segmentBytes)).toEqual(expected)
  })

  it('is read: what is verified, and what is many datagrams', () => {
    expect(readVnetHeader(new Uint8Array(10))).toEqual({ verified: false, datagramBytes: 0 })
    expect(readVnetHeader(Uint8Array.of(1, 1, 40, 0, 0xa8, 5, 0, 0, 0, 0))).toEqual({ verified: true, datagramBytes: 0 })
    expect(readVnetHeader(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toEqual({ verified: true, datagramBytes: 0 })
    expect(readVnetHeader(Uint8Array.of(1, 5, 28, 0, 0xb0, 4, 20, 0, 6, 0))).toEqual({ verified: true, datagramBytes: 1200 })
  })
})

describe('datagrams that came as one', () => {
  it.each([4, 6] as const)('are told apart, each with its lengths: IPv%s', (version) => {
    const head = headOf(version, 17)
    const packet = Uint8Array.from([...head, ...Array.from({ length: 25 }, (_, i) => i)])
    const seen: number[][] = []
    splitDatagrams(packet, 10, (each) => seen.push([...each]))
    expect(seen.map((each) => each.slice(head.length))).toEqual([0, 10, 20].map((from) => Array.from({ length: from === 20 ? 5 : 10 }, (_, i) => from + i)))
    expect(seen.map((each) => each[head.length - 3])).toEqual([18, 18, 13])
    expect(seen.map((each) => each[version === 4 ? 3 : 5])).toEqual(version === 4 ? [38, 38, 33] : [18, 18, 13])
  })

  it('of no size, or of none at all, stay what they are', () => {
    const seen: number[] = []
    splitDatagrams(headOf(4, 17), 10, (each) => seen.push(each.length))
    splitDatagrams(new Uint8Array(40), 0, (each) => seen.push(each.length))
    splitDatagrams(new Uint8Array(0), 10, (each) => seen.push(each.length))
    expect(seen).toEqual([28, 40, 0])
  })
})
