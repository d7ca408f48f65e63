import { buildIcmp, buildPacket, buildUdp, withSum, type PacketFields } from '../../../packages/netstack/src/testing/build-packet.ts'
import { toSeq } from '../../../packages/netstack/src/tcp/seq.ts'
import { noTcpOptions } from '../../../packages/netstack/src/wire/tcp-options.ts'
import { encodeSegmentHeader } from '../../../packages/netstack/src/wire/tcp-segment.ts'
import { mutate } from './mutate.ts'
import { choose, pick, randomBytes, type Random } from './random.ts'

type Ends = Pick<PacketFields, 'from' | 'to'>
type Kind = (random: Random, ends: Ends) => Uint8Array

const word = (random: Random): number => (random() * 2 ** 32) | 0

const tcp: Kind = (random, ends) => {
  const options = {
    ...noTcpOptions,
    ...(random() < 0.3 && { mss: pick(random, 65_536) }),
    ...(random() < 0.3 && { windowScale: pick(random, 15) }),
    sackPermitted: random() < 0.3,
    ...(random() < 0.5 && { timestamp: { value: word(random), echo: word(random) } }),
    sack: Array.from({ length: pick(random, 5) }, () => ({ start: toSeq(word(random)), end: toSeq(word(random)) })),
  }
  const header = new Uint8Array(60)
  const segment = { sourcePort: pick(random, 65_536), destinationPort: pick(random, 65_536), seq: toSeq(word(random)), ack: toSeq(word(random)), flags: pick(random, 256), window: pick(random, 65_536), options }
  const length = encodeSegmentHeader(segment, header)
  return buildPacket({ ...ends, protocol: 6 }, withSum(ends, 6, 16, Uint8Array.from([...header.subarray(0, length), ...randomBytes(random, pick(random, 30))])))
}
const udp: Kind = (random, ends) => buildUdp(ends, pick(random, 65_536), pick(random, 8), randomBytes(random, pick(random, 40)))
const echo: Kind = (random, ends) => buildIcmp(ends, { kind: choose(random, ['echo-request', 'echo-reply']), identifier: 1, sequence: pick(random, 100), data: randomBytes(random, pick(random, 40)) })
const icmpError: Kind = (random, ends) => {
  const quote = choose(random, [udp, tcp, fragment])(random, { from: ends.to, to: ends.from })
  const kind = choose(random, ['unreachable', 'too-big', 'time-exceeded', 'parameter-problem'] as const)
  return buildIcmp(ends, { kind, code: kind === 'too-big' && !ends.to.includes(':') ? 4 : pick(random, 16), value: pick(random, 2000), quote })
}
const fragment: Kind = (random, ends) => {
  const length = 8 * pick(random, 6)
  return buildPacket({ ...ends, protocol: 17, identification: pick(random, 4), fragmentOffset: 8 * pick(random, 12), moreFragments: random() < 0.7 }, randomBytes(random, length))
}
/** Extension headers of IPv6, or what looks like them to IPv4: one after another, each of a random kind. */
const chain: Kind = (random, ends) => {
  const headers: number[] = []
  const first = choose(random, [0, 43, 44, 60])
  const count = pick(random, 10)
  for (let index = 0; index < count; index += 1) {
    const blocks = pick(random, 3)
    headers.push(choose(random, [0, 43, 44, 60, 17, 6, 58, 59]), blocks, ...randomBytes(random, 6 + 8 * blocks).map((byte) => (random() < 0.7 ? byte & 7 : byte)))
  }
  return buildPacket({ ...ends, protocol: first }, Uint8Array.from([...headers, ...randomBytes(random, pick(random, 20))]))
}
/** Empty destination options, sometimes more of them than anybody sends. */
const longChain: Kind = (random, ends) => {
  const headers = Array.from({ length: pick(random, 12) }, () => [60, 0, 1, 4, 0, 0, 0, 0]).flat()
  return buildPacket({ ...ends, protocol: 60 }, Uint8Array.from([...headers, 17, 0, 1, 4, 0, 0, 0, 0, ...randomBytes(random, 8)]))
}
/** The first bytes of the payload are options to IPv4. */
const withOptions: Kind = (random, ends) => {
  const words = pick(random, 6)
  const options = Array.from({ length: words * 4 }, () => choose(random, [0, 1, 1, 2, 3, 4, 7, 131, 137, 148, 255]))
  const packet = buildPacket({ ...ends, protocol: 17 }, Uint8Array.from([...options, 0, 53, 0, 53, 0, 8, 0, 0]))
  if (!ends.to.includes(':')) packet[0] = 0x45 + words
  return packet
}
const kinds = [tcp, udp, echo, icmpError, fragment, chain, longChain, withOptions]

const ends4: Ends = { from: '10.0.0.2', to: '10.0.0.1' }
const ends6: Ends = { from: '2001:db8::2', to: '2001:db8::1' }

/** One to 120 bytes that are a packet of any kind, a damaged one, or nothing at all. */
export function ipPacket(random: Random): Uint8Array {
  const packet = choose(random, kinds)(random, random() < 0.5 ? ends4 : ends6)
  const luck = random()
  if (luck < 0.25) return packet
  return luck < 0.95 ? mutate(packet, random) : randomBytes(random, pick(random, 120))
}
