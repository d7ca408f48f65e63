import { createAbortedError, type UdpRequest } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../packages/netstack/src/device/random.ts'
import { transmitFragments } from '../../packages/netstack/src/ip/fragmentation.ts'
import { Reassembly } from '../../packages/netstack/src/ip/reassembly.ts'
import { address } from '../../packages/netstack/src/testing/build-packet.ts'
import { IpHost } from '../../packages/netstack/src/testing/ip-host.ts'
import { UdpLayer } from '../../packages/netstack/src/udp/udp-layer.ts'
import { DropCounts } from '../../packages/netstack/src/wire/drop-counts.ts'
import { parseIp } from '../../packages/netstack/src/wire/ip.ts'
import { IpPacket } from '../../packages/netstack/src/wire/ip-packet.ts'
import { scaled } from '../support/scale.ts'
import { ipPacket } from './support/packets.ts'
import { choose, createRandom, fuzzSeed, pick, randomBytes, type Random } from './support/random.ts'

const repeat = (round: number, bytes: Uint8Array): string =>
  `round ${round}; repeat with TUNNEL_FUZZ_SEED=${fuzzSeed} pnpm exec vitest run --project fuzz test/fuzz/netstack-host.test.ts: ${Buffer.from(bytes).toString('hex')}`

const limits = { maxBytes: 20_000, maxSourceBytes: 15_000, maxPackets: 12, maxFragments: 16, timeout: 1000 }
const udpLimits = { maxFlows: 30, maxFlowsPerSource: 20, queueLimit: 4, queueBytes: 500, idle: 2000 }

/** A host with UDP whose users accept, refuse, answer and close as they like. */
function createHost(random: Random): { host: IpHost; udp: UdpLayer } {
  // The device vouches for sums: damaged packets are to come far. All addresses are ours: most packets are for us.
  const host = new IpHost({ any: true, offload: { checksum: true, segmentationBytes: 0 }, reassembly: limits, icmp: { errorsPerSecond: 1000, errorBurst: 1000 }, pathMtu: { maxEntries: 8 } })
  const udp = new UdpLayer({ ip: host.ip, clock: { now: () => host.now }, random: createSeededRandom(1), defer: (call) => call(), ...udpLimits })
  udp.onRequest((request: UdpRequest) => {
    const luck = random()
    if (luck < 0.2) return request.refuse(choose(random, ['reset', 'host-unreachable', 'prohibited']))
    if (luck < 0.4) return
    const flow = request.accept()
    if (luck < 0.5) return
    flow.attach({ message: (datagram) => (random() < 0.2 ? flow.close(createAbortedError()) : void flow.send(datagram)), close: () => {} })
  })
  return { host, udp }
}

describe('a host', () => {
  const rounds = scaled(2_000_000)

  it(`takes ${rounds} packets of every kind: nothing throws, few answers for one packet, memory within its bounds, the next wake ahead`, () => {
    const random = createRandom(fuzzSeed)
    const { host, udp } = createHost(random)
    for (let round = 0; round < rounds; round += 1) {
      const bytes = ipPacket(random)
      try {
        host.ip.receive(bytes)
      } catch (error) {
        expect.fail(`${String(error)}, ${repeat(round, bytes)}`)
      }
      // A flow may send several datagrams again that waited for it, and a packet may go in fragments after a small path MTU was told.
      if (host.take().length > 3 * udpLimits.queueLimit) expect.fail(`too many answers, ${repeat(round, bytes)}`)
      if (host.ip.heldBytes > limits.maxBytes) expect.fail(`${host.ip.heldBytes} bytes of fragments, ${repeat(round, bytes)}`)
      if (udp.flows > udpLimits.maxFlows) expect.fail(`${udp.flows} flows, ${repeat(round, bytes)}`)
      if (host.ip.pathMtu.entries > 8) expect.fail(`${host.ip.pathMtu.entries} path MTUs, ${repeat(round, bytes)}`)
      host.now += random()
      for (const layer of [host.ip, udp]) {
        if ((layer.nextWake() ?? Infinity) > host.now) continue
        layer.expire(host.now)
        if ((layer.nextWake() ?? Infinity) <= host.now) expect.fail(`it wants to be woken in the past, ${repeat(round, bytes)}`)
      }
      host.take()
    }
    host.now += 10_000
    for (let times = 0; times < 3; times += 1) {
      host.now += 10_000
      host.ip.expire(host.now)
      udp.expire(host.now)
    }
    expect([host.ip.heldBytes, udp.flows]).toEqual([0, 0])
  }, 900_000)
})

describe('fragments', () => {
  const rounds = scaled(100_000)

  it(`of ${rounds} packets that come mixed, twice and in any order make the same packets; no two mix`, () => {
    const random = createRandom(fuzzSeed ^ 2)
    const drops = new DropCounts()
    const reassembly = new Reassembly(drops, 7)
    for (let round = 0; round < rounds; round += 4) {
      const all: { bytes: Uint8Array; of: number }[] = []
      const payloads = [0, 1, 2, 3].map((of) => {
        const payload = randomBytes(random, 1 + pick(random, 400))
        const isV6 = random() < 0.5
        const header = {
          source: address(isV6 ? '2001:db8::1' : '10.0.0.1'), destination: address(isV6 ? '2001:db8::2' : '10.0.0.2'), protocol: 200, hopLimit: 1, trafficClass: 0,
          payloadLength: payload.length, identification: round + of, dontFragment: false, moreFragments: false, fragmentOffset: 0,
        }
        transmitFragments({ ...header, identification: (round + of) & 0xffff }, [payload.subarray(0, 7), payload.subarray(7)], 56 + pick(random, 200), (parts) => all.push({ bytes: Buffer.concat(parts), of }) > 0)
        return payload
      })
      const shuffled = all.map((piece) => ({ ...piece, key: random() })).toSorted((left, right) => left.key - right.key)
      const again = shuffled.filter(() => random() < 0.2)
      const whole = new Map<number, Uint8Array>()
      for (const { bytes, of } of [...shuffled.slice(0, 3), ...again, ...shuffled.slice(3)]) {
        const packet = parseIp(bytes, new IpPacket(), drops)!
        const joined = packet.isFragment ? reassembly.add(packet, 0) : bytes
        const read = joined && parseIp(joined, new IpPacket(), drops)
        if (!read) continue
        if (Buffer.compare(read.payload, payloads[of]!) !== 0) expect.fail(repeat(round, bytes))
        whole.set(of, joined)
      }
      if (whole.size < 4) expect.fail(`${whole.size} of 4 are whole, round ${round}, seed ${fuzzSeed}`)
      // What was sent twice after its packet was whole waits in vain.
      reassembly.expire(1e9, () => {})
    }
    expect(drops.of('fragment.overlap') + drops.of('fragment.inconsistent-end')).toBe(0)
  })
})
