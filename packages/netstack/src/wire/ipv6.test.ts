import { describe, expect, it } from 'vitest'
import { address, buildPacket } from '../testing/build-packet.ts'
import { DropCounts } from './drop-counts.ts'
import { IpPacket, ipProtocol } from './ip-packet.ts'
import { parseIpv6 } from './ipv6.ts'

const ends = { from: '2001:db8::1', to: '2001:db8::2' }

interface Verdict {
  readonly packet: IpPacket
  readonly reasons: string[]
  readonly taken: boolean
  /** Code and pointer of what the sender must be told. */
  readonly problem: [number, number]
}

function parse(bytes: Uint8Array): Verdict {
  const packet = new IpPacket()
  const drops = new DropCounts()
  const taken = parseIpv6(bytes, packet, drops) !== undefined
  return { packet, reasons: Object.keys(drops.toJSON()), taken, problem: [packet.problemCode, packet.problemPointer] }
}

/** A packet whose payload begins with the header of protocol `first`. */
const chain = (first: number, payload: number[], to = ends.to): Verdict => parse(buildPacket({ ...ends, to, protocol: first }, Uint8Array.from(payload)))
/** An extension header of eight bytes with six of options or route. */
const extension = (next: number, rest: number[]): number[] => [next, 0, ...rest, ...[0, 0, 0, 0, 0, 0].slice(rest.length)]
const udp = [0, 53, 0, 53, 0, 8, 0, 0]

describe('parseIpv6', () => {
  it('reads what encodeIpv6Header writes', () => {
    const { packet, taken } = parse(buildPacket({ ...ends, protocol: 17, hopLimit: 9, trafficClass: 0xb9 }, Uint8Array.from(udp)))
    expect(taken).toBe(true)
    expect(packet).toMatchObject({ version: 6, protocol: 17, hopLimit: 9, trafficClass: 0xb9, payloadOffset: 40, payloadLength: 8, isFragment: false })
    expect([packet.source.equals(address(ends.from)), packet.destination.equals(address(ends.to))]).toEqual([true, true])
  })

  it('refuses every part of a packet', () => {
    const good = buildPacket(ends, new Uint8Array(4))
    for (let length = 0; length < good.length; length += 1) expect(parse(good.subarray(0, length)).taken).toBe(false)
  })

  it('walks over hop-by-hop, destination, routing and atomic fragment headers', () => {
    const payload = [
      ...extension(ipProtocol.destinationOptions, [5, 2, 0, 0, 1, 0]),
      ...extension(ipProtocol.routing, [1, 4]),
      ...extension(ipProtocol.fragment, [0, 0]),
      ...[ipProtocol.udp, 0, 0, 0, 0, 0, 0, 9],
      ...udp,
    ]
    const { packet, taken } = chain(ipProtocol.hopByHop, payload)
    expect([taken, packet.protocol, packet.payloadOffset, packet.payloadLength, packet.isFragment]).toEqual([true, 17, 72, 8, false])
    expect(packet.nextHeaderAt).toBe(64)
  })

  it('says what kind of problem it is, and where (RFC 8200 4)', () => {
    const unknownOption = (action: number, to?: string): Verdict => chain(ipProtocol.destinationOptions, [...extension(17, [1, 0, (action << 6) | 30, 0]), ...udp], to)
    expect(unknownOption(0)).toMatchObject({ taken: true, problem: [-1, 0] })
    expect(unknownOption(1)).toMatchObject({ reasons: ['ipv6.option'], problem: [-1, 0] })
    expect(unknownOption(2, 'ff02::1')).toMatchObject({ reasons: ['ipv6.option'], problem: [2, 44] })
    expect(unknownOption(3, 'ff02::1')).toMatchObject({ reasons: ['ipv6.option'], problem: [-1, 0] })
    expect(unknownOption(3)).toMatchObject({ reasons: ['ipv6.option'], problem: [2, 44] })
    // Hop-by-hop options behind another header; a route that is not at its end (RFC 5095); an option longer than its header.
    expect(chain(ipProtocol.destinationOptions, [...extension(0, [1, 4]), ...extension(17, [1, 4]), ...udp])).toMatchObject({ reasons: ['ipv6.extension-order'], problem: [1, 40] })
    expect(chain(ipProtocol.routing, [...extension(17, [0, 1]), ...udp])).toMatchObject({ reasons: ['ipv6.routing'], problem: [0, 42] })
    expect(chain(ipProtocol.destinationOptions, [...extension(17, [1, 9]), ...udp])).toMatchObject({ reasons: ['ipv6.option'], problem: [0, 42] })
  })

  it('refuses headers beyond the end, too many, and nothing behind them', () => {
    expect(chain(ipProtocol.hopByHop, [17, 1, 0, 0, 0, 0, 0, 0]).reasons).toEqual(['ipv6.extension-length'])
    expect(chain(ipProtocol.hopByHop, [17]).reasons).toEqual(['ipv6.extension-length'])
    expect(chain(ipProtocol.none, []).reasons).toEqual(['ipv6.no-next-header'])
    const many = Array.from({ length: 9 }, () => extension(ipProtocol.destinationOptions, [1, 4])).flat()
    expect(chain(ipProtocol.destinationOptions, many).reasons).toEqual(['ipv6.extension-count'])
  })

  it('reads fragments, and refuses those that cannot be right', () => {
    const fragment = (offset: number, more: boolean, payload: number[], next = 17): Verdict =>
      parse(buildPacket({ ...ends, protocol: next, fragmentOffset: offset, moreFragments: more, identification: 0xdead_beef }, Uint8Array.from(payload)))
    const { packet } = fragment(0, true, udp)
    expect(packet).toMatchObject({ isFragment: true, moreFragments: true, fragmentOffset: 0, identification: 0xdead_beef, fragmentHeaderAt: 40, nextHeaderAt: 6, payloadOffset: 48 })
    expect(fragment(8, false, [1]).packet).toMatchObject({ isFragment: true, fragmentOffset: 8, moreFragments: false, payloadLength: 1 })
    expect(fragment(0, true, [...udp, 1])).toMatchObject({ reasons: ['fragment.length'], problem: [0, 4] })
    expect(fragment(65_528, false, udp)).toMatchObject({ reasons: ['fragment.beyond-end'], problem: [0, 42] })
    // RFC 7112 5: the first fragment has all headers.
    expect(fragment(0, true, udp, ipProtocol.tcp)).toMatchObject({ reasons: ['fragment.incomplete-chain'], problem: [3, 0] })
    expect(fragment(0, true, extension(17, [1, 4]), ipProtocol.destinationOptions)).toMatchObject({ reasons: ['fragment.incomplete-chain'], problem: [3, 0] })
  })
})
