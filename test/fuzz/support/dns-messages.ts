import { encodeQuery } from '@tunnel/dns/wire'
import { encode, type Packet } from 'dns-packet'
import { chance } from './frames.ts'
import { mutate } from './mutate.ts'
import { choose, pick, randomBytes, type Random } from './random.ts'

const names = ['db.lan', 'Late.LAN', 'big.lan', 'none', '', 'a.b.c.d.e.f.g', `${'x'.repeat(63)}.${'y'.repeat(63)}.lan`, '5.0.0.10.in-addr.arpa', 'raw.lan']
const types = ['A', 'AAAA', 'PTR', 'TXT', 'TYPE65', 'ANY', 'AXFR', 'OPT']

const u16 = (value: number): number[] => [value >>> 8, value & 0xff]

/** Names as an attacker writes them: pointers to themselves, forward, backward; lengths that lie; more than 255 bytes. */
function hostileName(random: Random): number[] {
  switch (pick(random, 7)) {
    case 0: return [0xc0, 12]
    case 1: return [0xc0 | pick(random, 64), pick(random, 256)]
    case 2: return [1, 0x61, 0xc0, 12]
    case 3: return [...Array.from({ length: 60 + pick(random, 20) }).flatMap(() => [3, 0x61, 0x2e, 0]), 0]
    case 4: return [pick(random, 256), ...randomBytes(random, pick(random, 40))]
    case 5: return Array.from({ length: 1 + pick(random, 200) }).flatMap(() => [0xc0, 12])
    default: return [1 + pick(random, 63), 0x61]
  }
}

function hostileMessage(random: Random): Uint8Array {
  const count = (): number[] => u16(choose(random, [0, 0, 1, 1, 2, 17, 1000, 65_535]))
  const question = [...hostileName(random), ...u16(choose(random, [1, 28, 12, 41, 65, 255])), ...u16(choose(random, [1, 1, 3, 255]))]
  const record = (): number[] => [...(chance(random, 0.5) ? [0] : hostileName(random)), ...u16(choose(random, [1, 5, 6, 15, 16, 33, 41, 65, 257])), ...u16(pick(random, 65_536)), 0, pick(random, 2), 0, 0, ...u16(pick(random, 30)), ...randomBytes(random, pick(random, 30))]
  const records = Array.from({ length: pick(random, 6) }).flatMap(() => record())
  return Uint8Array.from([...u16(pick(random, 65_536)), ...u16(chance(random, 0.7) ? choose(random, [0, 0x0100, 0x0110]) : pick(random, 65_536)), ...count(), ...count(), ...count(), ...count(), ...question, ...records])
}

const query = (random: Random): Uint8Array =>
  encodeQuery({ name: choose(random, names), type: choose(random, types) }, { id: pick(random, 65_536), udpBytes: choose(random, [false, 0, 512, 1232, 65_535]), dnssecOk: chance(random, 0.5) })

const response = encode({
  id: 1, type: 'response', flags: 0x0180, questions: [{ name: 'raw.lan', type: 'A', class: 'IN' }],
  answers: [
    { name: 'raw.lan', type: 'CNAME', ttl: 1, data: 'web.lan' }, { name: 'web.lan', type: 'A', ttl: 1, data: '10.0.0.1' }, { name: 'web.lan', type: 'TXT', ttl: 1, data: ['one', 'two'] },
    { name: 'web.lan', type: 'SRV', ttl: 1, data: { priority: 1, weight: 1, port: 1, target: 'x.lan' } }, { name: 'web.lan', type: 'CAA', ttl: 1, data: { flags: 0, tag: 'issue', value: 'ca' } },
  ],
  authorities: [{ name: 'lan', type: 'SOA', ttl: 1, data: { mname: 'ns.lan', rname: 'me.lan', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 } }],
  additionals: [{ name: '.', type: 'OPT', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
} as Packet)

/** A message that came from a good client, a bad one, or nobody; `responses` is the share of those from a server, whole or damaged. */
export function dnsMessage(random: Random, responses = 0.1): Uint8Array {
  if (chance(random, responses)) return chance(random, 0.3) ? response : mutate(response, random)
  const kind = random()
  if (kind < 0.3) return query(random)
  if (kind < 0.6) return mutate(query(random), random)
  return kind < 0.95 ? hostileMessage(random) : randomBytes(random, pick(random, 600))
}
