import { describe, expect, it } from 'vitest'
import { describePacket } from '../../packages/netstack/src/device/describe-packet.ts'
import { parseQuotedPacket } from '../../packages/netstack/src/icmp/quoted-packet.ts'
import { DropCounts } from '../../packages/netstack/src/wire/drop-counts.ts'
import { isIcmpError } from '../../packages/netstack/src/wire/icmp.ts'
import { encodeIcmp4Header, parseIcmp4 } from '../../packages/netstack/src/wire/icmp4.ts'
import { encodeIcmp6Header, parseIcmp6 } from '../../packages/netstack/src/wire/icmp6.ts'
import { encodeIpHeader, parseIp } from '../../packages/netstack/src/wire/ip.ts'
import { IpPacket } from '../../packages/netstack/src/wire/ip-packet.ts'
import { encodeSegmentHeader, parseSegment } from '../../packages/netstack/src/wire/tcp-segment.ts'
import { encodeDatagramHeader, parseDatagram } from '../../packages/netstack/src/wire/udp.ts'
import { scaled } from '../support/scale.ts'
import { countedBytes } from './support/counted-bytes.ts'
import { ipPacket } from './support/packets.ts'
import { createRandom, fuzzSeed } from './support/random.ts'

const repeat = (round: number, bytes: Uint8Array): string =>
  `round ${round}; repeat with TUNNEL_FUZZ_SEED=${fuzzSeed} pnpm exec vitest run --project fuzz test/fuzz/netstack-parsers.test.ts: ${Buffer.from(bytes).toString('hex')}`

/** Every parser on the same bytes. Sums are not looked at: they would keep damaged packets from the parsers behind (lwIP's fuzzers do so too). */
function parseAll(bytes: Uint8Array, drops: DropCounts): IpPacket | undefined {
  parseQuotedPacket(bytes)
  const packet = parseIp(bytes, new IpPacket(), drops, true)
  const at = packet?.payloadOffset ?? 0
  const length = packet?.payloadLength ?? bytes.length
  for (const parse of [parseSegment, parseDatagram]) parse(bytes, at, length, drops)
  for (const parse of [parseIcmp4, parseIcmp6]) {
    const message = parse(bytes, at, length, drops)
    if (message && isIcmpError(message)) parseQuotedPacket(message.quote)
  }
  return packet
}

/** What an encoder writes is read as what was read before, and written in the same bytes. */
function stable<T extends object>(read: T, encode: (value: T, into: Uint8Array) => number, parse: (bytes: Uint8Array) => T | undefined, rest: Uint8Array): boolean {
  const once = new Uint8Array(256 + rest.length)
  const headerBytes = encode(read, once)
  once.set(rest, headerBytes)
  const again = parse(once.subarray(0, headerBytes + rest.length))
  if (!again) return false
  const twice = new Uint8Array(256)
  return encode(again, twice) === headerBytes && Buffer.compare(once.subarray(0, headerBytes), twice.subarray(0, headerBytes)) === 0
}

function payloadIsStable(bytes: Uint8Array, packet: IpPacket): boolean {
  const { payloadOffset: at, payloadLength: length } = packet
  const segment = parseSegment(bytes, at, length)
  if (segment && !stable(segment, (value, into) => encodeSegmentHeader(value, into), (read) => parseSegment(read, 0, read.length), segment.payload)) return false
  const datagram = parseDatagram(bytes, at, length)
  const encodeDatagram = (value: { sourcePort: number; destinationPort: number; payload: Uint8Array }, into: Uint8Array): number => encodeDatagramHeader(value.sourcePort, value.destinationPort, value.payload.length, into)
  if (datagram && !stable(datagram, encodeDatagram, (read) => parseDatagram(read, 0, read.length), datagram.payload)) return false
  for (const [parse, encode] of [[parseIcmp4, encodeIcmp4Header], [parseIcmp6, encodeIcmp6Header]] as const) {
    const message = parse(bytes, at, length)
    const rest = !message || 'target' in message ? new Uint8Array(0) : 'data' in message ? message.data : message.quote
    if (message && !stable(message, (value, into) => encode(value, into), (read) => parse(read, 0, read.length), rest)) return false
  }
  return true
}

describe('packets', () => {
  const rounds = scaled(10_000_000)

  it(`${rounds} good, hostile and mutated ones: nothing throws, what is taken lies within the packet and is written as it was read`, () => {
    const random = createRandom(fuzzSeed)
    const drops = new DropCounts()
    let taken = 0
    for (let round = 0; round < rounds; round += 1) {
      const bytes = ipPacket(random)
      let packet: IpPacket | undefined
      try {
        packet = parseAll(bytes, drops)
      } catch (error) {
        expect.fail(`${String(error)}, ${repeat(round, bytes)}`)
      }
      if (!packet) continue
      taken += 1
      if (packet.payloadOffset + packet.payloadLength > bytes.length || packet.payloadOffset < 20) expect.fail(`beyond the packet, ${repeat(round, bytes)}`)
      if (round % 8 > 0) continue
      const isStable = stable(packet, (value, into) => encodeIpHeader(value, into), (read) => parseIp(read, new IpPacket(), drops), packet.payload)
      if (!isStable) expect.fail(`not stable, ${repeat(round, bytes)}`)
      if (!payloadIsStable(bytes, packet)) expect.fail(`payload not stable, ${repeat(round, bytes)}`)
      describePacket(bytes)
    }
    expect(taken).toBeGreaterThan(rounds / 4)
    // Every reason was met that a parser has.
    const parsers = ['ip.empty', 'ip.version', 'ipv4.short', 'ipv4.header-length', 'ipv4.total-length', 'ipv4.option', 'ipv4.source-route', 'ipv6.short', 'ipv6.payload-length', 'ipv6.extension-length', 'ipv6.extension-count', 'ipv6.extension-order', 'ipv6.option', 'ipv6.routing', 'ipv6.no-next-header', 'fragment.length', 'fragment.beyond-end', 'fragment.incomplete-chain', 'tcp.short', 'tcp.header-length', 'udp.short', 'udp.length', 'icmp.short', 'icmp.type'] as const
    expect(parsers.filter((reason) => drops.of(reason) === 0)).toEqual([])
  }, 1_800_000)

  it('cost few reads for each byte, counted', () => {
    const random = createRandom(fuzzSeed ^ 1)
    let most = 0
    for (let round = 0; round < scaled(200_000); round += 1) {
      const bytes = ipPacket(random)
      const { counted, reads } = countedBytes(bytes)
      parseAll(counted, new DropCounts())
      most = Math.max(most, reads() - 6 * bytes.length)
    }
    // Six parsers, each of which reads a fixed header and passes over the rest once.
    expect(most).toBeLessThan(300)
  })
})
