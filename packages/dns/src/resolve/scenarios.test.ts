import { createVirtualClock } from '@tunnel/flow/testing'
import dnsPacket from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeQuery, type QueryOptions } from '../message/query.ts'
import { rcodeName } from '../message/rcode.ts'
import { syntheticPool } from '../pool/synthetic-pool.ts'
import { createDnsServer } from '../server/create-dns-server.ts'
import type { Datagram } from '../server/datagram-port.ts'
import type { DnsServerOptions } from '../server/server.ts'
import { turn } from '../testing/ask.ts'
import { createFakeNetwork, responseTo, serverOf, soa, type FakeServer } from '../testing/fake-network.ts'
import type { UpstreamMode } from '../upstream/ask-modes.ts'
import { forward } from '../upstream/forward.ts'
import { cache } from './cache.ts'
import { hostsFile } from './hosts-file.ts'
import { records } from './records.ts'

// The whole server as a program would put it together, asked by datagrams, in virtual time.

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** An upstream that knows a few names of `example`. */
const upstream: FakeServer = (query) => {
  const { name, type } = query.questions![0]!
  const data: Record<string, string> = { 'www.example A': '10.8.0.1', 'v6.example AAAA': 'fd00::8', 'x.wild.ziti A': '10.6.6.6', 'wild.ziti A': '10.8.0.9' }
  const found = data[`${name.toLowerCase()} ${type}`]
  if (found !== undefined) return [{ bytes: responseTo(query, { answers: [{ type: type as 'A', name, ttl: 300, data: found }] }) }]
  if (type === 'MX' && name.endsWith('ziti')) return [{ bytes: responseTo(query, { answers: [{ type: 'MX', name, ttl: 300, data: { preference: 1, exchange: 'mail.example' } }] }) }]
  return [{ bytes: responseTo(query, { rcode: /^(?:www|v6)\./.test(name) ? 0 : 3, authorities: [soa(60)] }) }]
}

interface World {
  readonly servers?: readonly (string | FakeServer)[]
  readonly mode?: UpstreamMode
  readonly unanswerable?: DnsServerOptions['unanswerable']
  readonly v6?: boolean
}

async function setUp({ servers = [upstream], mode = 'parallel', unanswerable = 'refused', v6 = true }: World = {}) {
  const clock = createVirtualClock()
  const network = createFakeNetwork(clock)
  for (const [index, server] of servers.entries()) network.servers.set(`10.0.0.${index + 1}:53`, typeof server === 'string' ? serverOf(server) : server)
  const pool = syntheticPool({ v4: '100.64.0.1/10', ...(v6 ? { v6: 'fd00:7a69::1/64' } : {}), clock })
  let receive: (batch: readonly Datagram[]) => void = () => {}
  const sent: Uint8Array[] = []
  const server = createDnsServer({
    listen: ['udp://127.0.0.1:53'],
    clock,
    unanswerable,
    limits: { answerTimeout: 60_000 },
    openUdp: (local) => ({ local, start: (listener) => void (receive = listener), send: (data) => sent.push(data.slice()) > 0, close: () => {} }),
    resolvers: [
      hostsFile({ text: '10.5.5.5 host.lan\n' }),
      records({ 'db.lan': { A: '10.0.0.5', TXT: 'primary' }, lan: { NS: 'ns.lan' }, '*.apps.lan': { A: '10.0.0.6' } }, { zones: ['lan'] }),
      pool.names(['db.ziti', '*.wild.ziti']),
      ({ key }) => (key.endsWith('.block') ? 'NXDOMAIN' : undefined),
      ({ key }) => (key.endsWith('.silent') ? 'DROP' : undefined),
      cache(forward(servers.map((_, index) => `udp://10.0.0.${index + 1}`), { ...network, clock, mode }), { clock }),
    ],
  })
  await server.start()
  closers.push(() => server.close())

  /** `AA` when authoritative; the records, or the code; `silence` after a minute of nothing. */
  const ask = async (name: string, type: string, options: Partial<QueryOptions> = {}): Promise<string> => {
    const before = sent.length
    const query = encodeQuery({ name, type }, { id: 0x1234, udpBytes: false, ...options })
    receive([{ data: query, from: { address: '127.0.0.1', port: 50_000 } }])
    for (let steps = 0; sent.length === before && steps < 1500; steps += 1) {
      await turn()
      clock.advance(steps % 7 === 6 ? 100 : 0)
    }
    const bytes = sent[before]
    if (!bytes) return 'silence'
    const { id, flag_aa: isAuthoritative, answers = [], questions } = dnsPacket.decode(Buffer.from(bytes))
    expect([id, questions?.[0]?.name]).toEqual([0x1234, name || '.'])
    const rcode = rcodeName(bytes[3]! & 15)
    const told = answers.map((record) => {
      const data = (record as { data: unknown }).data
      return `${record.type} ${typeof data === 'string' ? (pool.contains(data) ? 'own' : data) : (JSON.stringify(data) ?? '')}`
    })
    expect(answers.every((record) => record.type !== 'A' || record.name.toLowerCase() === name.toLowerCase())).toBe(true)
    return `${isAuthoritative ? 'AA ' : ''}${rcode === 'NOERROR' ? told.join(', ') || 'NODATA' : rcode}`
  }
  return { ask, clock, network, pool, server }
}

describe('a server of all kinds of resolvers', () => {
  it.each([
    ['host.lan', 'A', 'AA A 10.5.5.5'],
    ['host.lan', 'AAAA', 'AA NODATA'],
    ['db.lan', 'A', 'AA A 10.0.0.5'],
    ['dB.LaN', 'A', 'AA A 10.0.0.5'],
    ['db.lan', 'AAAA', 'AA NODATA'],
    ['db.lan', 'MX', 'AA NODATA'],
    ['lan', 'NS', 'AA NS ns.lan'],
    ['none.lan', 'A', 'AA NXDOMAIN'],
    ['x.apps.lan', 'A', 'AA A 10.0.0.6'],
    ['apps.lan', 'A', 'AA NODATA'],
    ['db.ziti', 'A', 'AA A own'],
    ['DB.zITI', 'A', 'AA A own'],
    ['db.ziti', 'AAAA', 'AA AAAA own'],
    ['db.ziti', 'TYPE65', 'AA NODATA'],
    ['db.ziti', 'TYPE64', 'AA NODATA'],
    ['x.wild.ziti', 'A', 'AA A own'],
    ['a.b.c.Wild.ziti', 'A', 'AA A own'],
    ['x.wild.ziti', 'TYPE65', 'AA NODATA'],
    ['x.wild.ziti', 'MX', 'MX {"preference":1,"exchange":"mail.example"}'],
    ['wild.ziti', 'A', 'A 10.8.0.9'],
    ['wild.ziti', 'AAAA', 'NXDOMAIN'],
    ['db.ziti', 'TXT', 'NXDOMAIN'],
    ['ads.block', 'A', 'NXDOMAIN'],
    ['x.silent', 'A', 'silence'],
    ['www.example', 'A', 'A 10.8.0.1'],
    ['WWW.example', 'A', 'A 10.8.0.1'],
    ['www.example', 'AAAA', 'NODATA'],
    ['www.example', 'TYPE65', 'NODATA'],
    ['v6.example', 'AAAA', 'AAAA fd00::8'],
    ['none.example', 'A', 'NXDOMAIN'],
    ['none.example', 'TYPE65280', 'NXDOMAIN'],
    ['_sip._tcp.none.example', 'SRV', 'NXDOMAIN'],
    ['', 'NS', 'NXDOMAIN'],
  ])('%s %s: %s', async (name, type, expected) => {
    expect(await (await setUp()).ask(name, type)).toBe(expected)
  })

  it.each([
    ['db.ziti', 'AAAA', 'AA NODATA'],
    ['db.ziti', 'A', 'AA A own'],
    ['x.wild.ziti', 'AAAA', 'AA NODATA'],
  ])('without an IPv6 range: %s %s: %s', async (name, type, expected) => {
    expect(await (await setUp({ v6: false })).ask(name, type)).toBe(expected)
  })

  it('PTR of what was given out, and of nothing else', async () => {
    const { ask, pool } = await setUp()
    await ask('x.wild.ziti', 'A')
    const pointer = `${pool.addressesOf('x.wild.ziti')!.v4!.split('.').toReversed().join('.')}.in-addr.arpa`
    expect(await ask(pointer, 'PTR')).toBe('AA PTR x.wild.ziti')
    pool.release('x.wild.ziti')
    expect(await ask(pointer, 'PTR')).toBe('NXDOMAIN')
  })
})

describe.each([
  ['refused', 'REFUSED'],
  ['servfail', 'SERVFAIL'],
  ['timeout', 'silence'],
] as const)('nobody answers, unanswerable = %s', (unanswerable, expected) => {
  it.each<[string, World, string]>([
    ['no upstream', { servers: [] }, expected],
    ['a silent upstream', { servers: ['silence'] }, expected],
    ['an upstream of garbage', { servers: ['garbage'] }, expected],
    ['an upstream with a wrong id', { servers: ['wrong id'] }, expected],
    ['two silent ones, one after the other', { servers: ['silence', 'silence'], mode: 'serial' }, expected],
    ['an upstream that refuses: its own word', { servers: ['REFUSED'] }, 'REFUSED'],
    ['an upstream that refuses without the question', { servers: ['bare REFUSED'] }, 'REFUSED'],
    ['an upstream that fails: its own word', { servers: ['SERVFAIL'] }, 'SERVFAIL'],
    ['an upstream that knows nothing: its own word', { servers: ['NXDOMAIN'] }, 'NXDOMAIN'],
  ])('%s', async (_, world, answer) => {
    expect(await (await setUp({ ...world, unanswerable })).ask('www.example', 'A')).toBe(answer)
  })

  it.each([
    ['db.ziti', 'AA A own'],
    ['db.lan', 'AA A 10.0.0.5'],
    ['none.lan', 'AA NXDOMAIN'],
    ['ads.block', 'NXDOMAIN'],
  ])('does not touch what is known here: %s', async (name, answer) => {
    expect(await (await setUp({ servers: ['silence'], unanswerable })).ask(name, 'A')).toBe(answer)
  })
})

describe('what was asked is kept', () => {
  it.each([
    ['an answer', 'www.example', 299_000, 1],
    ['an answer, after its time', 'www.example', 300_000, 2],
    ['that there is nothing', 'none.example', 59_000, 1],
    ['that there is nothing, after its time', 'none.example', 60_000, 2],
  ])('%s: %s', async (_, name, wait, times) => {
    const { ask, clock, network } = await setUp()
    const first = await ask(name, 'A')
    clock.advance(wait)
    expect(await ask(name.toUpperCase(), 'A')).toBe(first)
    expect(network.seen).toHaveLength(times)
  })

  it('names of the pool are never asked of anybody', async () => {
    const { ask, network } = await setUp()
    for (const type of ['A', 'AAAA', 'TYPE65', 'TYPE64']) for (const name of ['db.ziti', 'x.wild.ziti']) await ask(name, type)
    expect(network.seen).toEqual([])
  })
})
