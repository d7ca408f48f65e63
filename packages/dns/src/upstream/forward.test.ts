import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it, vi } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { askInTime, idleContext, inWords, turn } from '../testing/ask.ts'
import { createFakeNetwork, responseTo, serverOf } from '../testing/fake-network.ts'
import type { UpstreamMode } from './ask-modes.ts'
import { forward, type ForwardOptions } from './forward.ts'

const ports = ['10.0.0.1', '10.0.0.2', '10.0.0.3']

/** Servers at 10.0.0.1, .2 and .3, each in a word. */
function setUp(servers: readonly string[], options: ForwardOptions = {}, scheme = 'udp') {
  const clock = createVirtualClock()
  const network = createFakeNetwork(clock)
  for (const [index, words] of servers.entries()) network.servers.set(`${ports[index]!}:${scheme === 'tls' ? 853 : 53}`, serverOf(words))
  const log = vi.fn()
  const resolver = forward(servers.map((_, index) => `${scheme}://${ports[index]!}`), { ...network, clock, log, ...options })
  return { clock, network, log, resolver, ask: (name = 'db.example', type = 'A') => askInTime(clock, resolver, name, type) }
}

describe('modes', () => {
  it.each<[UpstreamMode, string[], string, number]>([
    ['parallel', ['A 1.1.1.1'], 'A 1.1.1.1', 0],
    ['parallel', ['A 1.1.1.1 @500', 'A 2.2.2.2 @10', 'A 3.3.3.3 @200'], 'A 2.2.2.2', 10],
    ['parallel', ['NXDOMAIN @10', 'A 2.2.2.2 @200'], 'A 2.2.2.2', 200],
    ['parallel', ['SERVFAIL', 'A 2.2.2.2 @200'], 'A 2.2.2.2', 200],
    ['parallel', ['REFUSED', 'silence', 'A 3.3.3.3 @4000'], 'A 3.3.3.3', 4000],
    ['parallel', ['NXDOMAIN', 'NXDOMAIN @50'], 'NXDOMAIN', 50],
    ['parallel', ['NXDOMAIN @50', 'SERVFAIL'], 'NXDOMAIN', 50],
    ['parallel', ['SERVFAIL', 'NXDOMAIN @50'], 'NXDOMAIN', 50],
    ['parallel', ['REFUSED', 'SERVFAIL @50'], 'SERVFAIL', 50],
    ['parallel', ['NOTAUTH', 'REFUSED @50'], 'REFUSED', 50],
    ['parallel', ['NOTAUTH', 'silence'], 'NOTAUTH', 5000],
    ['parallel', ['NXDOMAIN @10', 'NODATA @100'], 'NODATA', 100],
    ['parallel', ['NODATA @10', 'A 2.2.2.2 @100'], 'NODATA', 10],
    ['parallel', ['NXDOMAIN', 'silence'], 'NXDOMAIN', 5000],
    ['parallel', ['silence', 'silence', 'silence'], 'undefined', 5000],
    ['parallel', ['garbage', 'A 2.2.2.2 @30'], 'A 2.2.2.2', 30],
    ['parallel', ['other name', 'A 2.2.2.2 @30'], 'A 2.2.2.2', 30],
    ['parallel', ['wrong id', 'A 2.2.2.2 @30'], 'A 2.2.2.2', 30],
    ['parallel', ['wrong question', 'NXDOMAIN @30'], 'NXDOMAIN', 5000],
    ['parallel', ['truncated', 'silence'], 'A 10.7.7.7', 0],
    ['parallel', ['A 1.1.1.1 @6000'], 'undefined', 5000],
    ['parallel', ['bare REFUSED'], 'REFUSED', 0],
    ['parallel', ['bare NOERROR'], 'undefined', 5000],
    ['parallel', ['bare REFUSED', 'A 2.2.2.2 @10'], 'A 2.2.2.2', 10],
    ['serial', ['A 1.1.1.1 @500', 'A 2.2.2.2'], 'A 1.1.1.1', 500],
    ['serial', ['NXDOMAIN @10', 'A 2.2.2.2 @10'], 'A 2.2.2.2', 20],
    ['serial', ['NODATA @10', 'A 2.2.2.2'], 'NODATA', 10],
    ['serial', ['SERVFAIL @10', 'REFUSED @10', 'NXDOMAIN @10'], 'NXDOMAIN', 30],
    ['serial', ['SERVFAIL', 'REFUSED'], 'SERVFAIL', 0],
    ['serial', ['REFUSED', 'SERVFAIL'], 'SERVFAIL', 0],
    ['serial', ['silence', 'A 2.2.2.2'], 'A 2.2.2.2', 5000],
    ['serial', ['garbage', 'A 2.2.2.2'], 'A 2.2.2.2', 0],
    ['serial', ['wrong id', 'A 2.2.2.2'], 'A 2.2.2.2', 5000],
    ['serial', ['truncated', 'A 2.2.2.2'], 'A 10.7.7.7', 0],
    ['serial', ['silence', 'silence'], 'undefined', 10_000],
    ['serial', ['REFUSED', 'silence'], 'REFUSED', 5000],
    ['failover', ['A 1.1.1.1', 'A 2.2.2.2'], 'A 1.1.1.1', 0],
    ['failover', ['silence', 'A 2.2.2.2'], 'A 2.2.2.2', 5000],
    ['failover', ['SERVFAIL', 'A 2.2.2.2'], 'A 2.2.2.2', 0],
    ['failover', ['NXDOMAIN', 'NXDOMAIN'], 'NXDOMAIN', 0],
    ['failover', ['NXDOMAIN', 'REFUSED', 'silence'], 'NXDOMAIN', 5000],
    ['failover', ['silence', 'silence', 'silence'], 'undefined', 15_000],
    ['random', ['A 1.1.1.1', 'A 1.1.1.1', 'A 1.1.1.1'], 'A 1.1.1.1', 0],
    ['random', ['SERVFAIL', 'NXDOMAIN', 'REFUSED'], 'NXDOMAIN', 0],
    ['random', ['SERVFAIL', 'A 2.2.2.2', 'REFUSED'], 'A 2.2.2.2', 0],
    ['random', ['silence', 'silence'], 'undefined', 10_000],
  ])('%s, servers %j: %s after %i ms', async (mode, servers, answer, after) => {
    expect(await setUp(servers, { mode }).ask()).toEqual({ answer, after })
  })

  it.each<[string, string, string, number]>([
    ['tcp', 'A 1.1.1.1', 'A 1.1.1.1', 0],
    ['tcp', 'NXDOMAIN @20', 'NXDOMAIN', 20],
    ['tcp', 'garbage', 'undefined', 0],
    ['tcp', 'wrong id', 'undefined', 5000],
    ['tcp', 'wrong question', 'undefined', 5000],
    ['tcp', 'silence', 'undefined', 5000],
    ['tls', 'A 1.1.1.1', 'A 1.1.1.1', 0],
    ['tls', 'other name', 'undefined', 0],
  ])('%s, server %s: %s after %i ms', async (scheme, server, answer, after) => {
    expect(await setUp([server], {}, scheme).ask()).toEqual({ answer, after })
  })

  it('failover remembers the server that was good last', async () => {
    const { ask, network } = setUp(['silence', 'A 2.2.2.2', 'A 3.3.3.3'], { mode: 'failover' })
    await ask()
    expect(await ask()).toEqual({ answer: 'A 2.2.2.2', after: 0 })
    network.servers.set('10.0.0.2:53', serverOf('REFUSED'))
    expect(await ask()).toEqual({ answer: 'A 3.3.3.3', after: 0 })
    network.seen.length = 0
    await ask()
    expect(network.seen).toEqual(['udp 10.0.0.3:53 db.example A'])
  })

  it('random begins with another server each time', async () => {
    const { ask, network } = setUp(['A 1.1.1.1', 'A 1.1.1.1', 'A 1.1.1.1'], { mode: 'random' })
    for (let times = 0; times < 60; times += 1) await ask()
    expect(new Set(network.seen).size).toBe(3)
    expect(network.seen).toHaveLength(60)
  })

  it('serial asks only as many as it needs', async () => {
    const { ask, network } = setUp(['NXDOMAIN', 'A 2.2.2.2', 'A 3.3.3.3'], { mode: 'serial' })
    await ask()
    expect(network.seen).toEqual(['udp 10.0.0.1:53 db.example A', 'udp 10.0.0.2:53 db.example A'])
  })

  it.each<UpstreamMode>(['parallel', 'serial', 'failover', 'random'])('%s: one that was silent three times is not waited for, until it had time to come back', async (mode) => {
    const { ask, clock, network } = setUp(['silence', 'NXDOMAIN'], { mode })
    for (let times = 0; times < 3; times += 1) expect((await ask()).after).toBe(5000)
    expect(await ask()).toEqual({ answer: 'NXDOMAIN', after: 0 })
    network.servers.set('10.0.0.1:53', serverOf('A 1.1.1.1 @10'))
    clock.advance(30_000)
    expect(await ask()).toEqual({ answer: 'A 1.1.1.1', after: 10 })
  })
})

describe('questions of any type are passed on as they are', () => {
  it.each(['A', 'AAAA', 'MX', 'TXT', 'SRV', 'NS', 'SOA', 'PTR', 'CAA', 'TYPE65', 'TYPE64', 'NAPTR', 'DNSKEY', 'TYPE65280', 'ANY'])('%s', async (type) => {
    const { clock, network, resolver } = setUp(['NODATA'])
    const seen: Uint8Array[] = []
    network.servers.set('10.0.0.1:53', (query) => {
      seen.push(query.bytes)
      return serverOf('NODATA')(query)
    })
    expect((await askInTime(clock, resolver, 'MiXed.Example', type)).answer).toBe('NODATA')
    expect(Buffer.from(seen[0]!.slice(13, 18)).toString()).toBe('MiXed')
  })
})

describe('a datagram that is not the answer', () => {
  it('is passed over, and the answer behind it counts', async () => {
    const { ask, network, resolver } = setUp(['silence'])
    const forgeries = ['wrong id', 'wrong question', 'A 6.6.6.6'].map(serverOf)
    network.servers.set('10.0.0.1:53', (query) => [
      ...forgeries[0]!(query),
      ...forgeries[1]!(query),
      { ...forgeries[2]!(query)[0]!, from: { address: '10.6.6.6', port: 53 } },
      { ...forgeries[2]!(query)[0]!, from: { address: '10.0.0.1', port: 54 } },
      { bytes: query.bytes },
      { bytes: new Uint8Array(3) },
      { bytes: responseTo(query, { answers: [{ type: 'A', name: 'db.example', data: '10.1.1.1', ttl: 60 }] }), after: 50 },
    ])
    expect(await ask()).toEqual({ answer: 'A 10.1.1.1', after: 50 })
    expect(resolver.counters.strays).toBe(6)
  })

  it('with mixed case: a wrong case is no answer, the right one is', async () => {
    const { ask, network, resolver } = setUp(['silence'], { mixedCase: true })
    const answer = { answers: [{ type: 'A' as const, name: 'a.long.enough.name.example', data: '10.1.1.1', ttl: 60 }] }
    const names: string[] = []
    network.servers.set('10.0.0.1:53', (query) => {
      names.push(query.questions![0]!.name)
      return [
        { bytes: responseTo(query, { ...answer, question: { name: 'a.long.enough.name.example', type: 'A' } }) },
        { bytes: responseTo(query, answer), after: 30 },
      ]
    })
    expect(await ask('a.long.enough.name.example')).toEqual({ answer: 'A 10.1.1.1', after: 30 })
    expect(resolver.counters.strays).toBe(1)
    expect(names[0]).not.toBe('a.long.enough.name.example')
  })
})

describe('over UDP', () => {
  it('a lost query is sent again', async () => {
    const { ask, network } = setUp(['silence'])
    let times = 0
    network.servers.set('10.0.0.1:53', (query) => (++times < 3 ? [] : serverOf('A 1.1.1.1')(query)))
    expect(await ask()).toEqual({ answer: 'A 1.1.1.1', after: 3000 })
  })

  it('a server from before EDNS0 is asked without the OPT record', async () => {
    const { ask, network } = setUp(['silence'])
    network.servers.set('10.0.0.1:53', (query) => serverOf(query.additionals?.length ? 'FORMERR' : 'A 1.1.1.1')(query))
    expect((await ask()).answer).toBe('A 1.1.1.1')
    expect(network.seen).toHaveLength(2)
  })

  it('ids differ, ports are few and do not stay', async () => {
    const { ask, clock, network, resolver } = setUp(['A 1.1.1.1'])
    const ids = new Set<number>()
    network.servers.set('10.0.0.1:53', (query) => (ids.add(query.id!), serverOf('A 1.1.1.1')(query)))
    for (let times = 0; times < 150; times += 1) await ask()
    expect(ids.size).toBeGreaterThan(140)
    expect(network.open.udp).toBeLessThanOrEqual(4)
    clock.advance(10_000)
    await turn()
    expect(network.open.udp).toBe(0)
    await ask()
    resolver.close()
    await turn()
    expect(network.open.udp).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('a socket that says that nobody is there ends the wait', async () => {
    const { ask, log } = setUp(['silence'], {
      openUdp: (at, _to, failed) => ({ local: at, start: () => {}, send: () => (queueMicrotask(() => failed(new Error('ECONNREFUSED'))), true), close: () => {} }),
    })
    expect(await ask()).toEqual({ answer: 'undefined', after: 0 })
    expect(log.mock.calls[0]?.[2]).toBe('The DNS server 10.0.0.1:53 cannot be asked: ECONNREFUSED')
  })

  it('a socket that cannot be opened is no answer', async () => {
    const { ask } = setUp(['silence'], { openUdp: () => Promise.reject(new Error('EPERM')) })
    expect((await ask()).answer).toBe('undefined')
  })
})

describe('over TCP', () => {
  it('one connection carries questions side by side, and answers in any order', async () => {
    const { clock, network, resolver } = setUp(['silence'], {}, 'tcp')
    network.servers.set('10.0.0.1:53', (query) => serverOf(query.questions![0]!.name === 'slow.example' ? 'A 1.1.1.1 @300' : 'A 2.2.2.2 @10')(query))
    const slow = resolver.resolve(createQuestion('slow.example', 'A'), idleContext)
    expect(await askInTime(clock, resolver, 'quick.example')).toEqual({ answer: 'A 2.2.2.2', after: 10 })
    expect(network.open.tcp).toBe(1)
    clock.advance(300)
    expect(inWords(await slow)).toBe('A 1.1.1.1')
  })

  it('is closed when nothing is asked for a while', async () => {
    const { ask, clock, network } = setUp(['A 1.1.1.1'], {}, 'tcp')
    await ask()
    clock.advance(4900)
    await ask()
    expect(network.open.tcp).toBe(1)
    clock.advance(5000)
    await turn()
    expect(network.open.tcp).toBe(0)
  })

  it('is opened anew when the server has closed it', async () => {
    const { ask, network } = setUp(['A 1.1.1.1'], {}, 'tcp')
    await ask()
    network.hangUp()
    expect((await ask()).answer).toBe('A 1.1.1.1')
    await turn()
    expect(network.open.tcp).toBe(1)
  })

  it('a question on a connection that dies is asked once more', async () => {
    const { ask, network } = setUp(['A 1.1.1.1'], {}, 'tcp')
    await ask()
    let dropped = 0
    network.servers.set('10.0.0.1:53', (query) => {
      dropped += 1
      if (dropped > 1) return serverOf('A 3.3.3.3')(query)
      network.hangUp()
      return []
    })
    expect((await ask()).answer).toBe('A 3.3.3.3')
    expect(dropped).toBe(2)
  })

  it('a server that is not there is no answer, at once', async () => {
    const { ask, network, log } = setUp(['A 1.1.1.1'], {}, 'tcp')
    network.servers.clear()
    expect(await ask()).toEqual({ answer: 'undefined', after: 0 })
    expect(log.mock.calls[0]?.[2]).toContain('ECONNREFUSED')
  })
})

describe('bounds', () => {
  it('more questions under way than allowed get SERVFAIL at once', async () => {
    const { clock, resolver } = setUp(['silence'], { outstanding: 2 })
    const waiting = ['a', 'b'].map((name) => resolver.resolve(createQuestion(name, 'A'), idleContext))
    expect(await askInTime(clock, resolver, 'c')).toEqual({ answer: 'SERVFAIL', after: 0 })
    clock.advance(5000)
    expect(await Promise.all(waiting)).toEqual([undefined, undefined])
    expect((await askInTime(clock, resolver, 'd')).after).toBe(5000)
  })

  it.each<UpstreamMode>(['parallel', 'serial', 'failover', 'random'])('%s: who goes away takes the question along', async (mode) => {
    const { clock, resolver, network } = setUp(['silence', 'silence'], { mode })
    const controller = new AbortController()
    const answer = resolver.resolve(createQuestion('db.example', 'A'), { ...idleContext, signal: controller.signal })
    await turn()
    controller.abort()
    expect(await answer).toBeUndefined()
    clock.advance(10_000)
    await turn()
    expect(clock.pending).toBe(0)
    expect(network.open.udp).toBe(0)
  })

  it('a server that does not answer is told of once a minute', async () => {
    const { ask, clock, log } = setUp(['silence'])
    for (let times = 0; times < 3; times += 1) await ask()
    expect(log.mock.calls).toEqual([['warn', 'dns/forward.ask', 'The DNS server udp://10.0.0.1:53 did not answer within 5000 ms', { upstream: 'udp://10.0.0.1:53' }]])
    clock.advance(60_000)
    await ask()
    expect(log).toHaveBeenCalledTimes(2)
  })
})

describe('addresses', () => {
  it.each(['', 'dns.example', 'udp://dns.example', 'udp://1.1.1', 'udp://1.1.1.1:0', 'udp://1.1.1.1:65536', 'http://1.1.1.1', 'udp://[1.1.1.1]', 'udp://[::1', 'udp://1.1.1.1/path', '1.1.1.1#'])(
    'refuses "%s"',
    (text) => {
      expect(() => forward([text])).toThrow(expect.objectContaining({ code: 'dns.bad-upstream' }))
    },
  )

  it.each(['1.1.1.1', '1.1.1.1:5300', '2606:4700::1111', 'udp://[2606:4700::1111]:53', 'fe80::1%eth0', 'udp://[fe80::1%2]:53', 'TLS://9.9.9.9#dns.quad9.net', 'tcp://1.1.1.1/'])('takes %s', (text) => {
    expect(() => forward([text])).not.toThrow()
  })

  it.each([
    ['udp://127.0.0.1:53', 'udp://127.0.0.1:53'],
    ['127.0.0.1', 'udp://127.0.0.1:53'],
    ['udp://127.0.0.53', 'udp://0.0.0.0:53'],
    ['tcp://[::1]', 'tcp://[::]:53'],
    ['udp://[0:0::1]:5300', 'udp://[::1]:5300'],
  ])('%s is refused when %s is our own', (upstream, own) => {
    expect(() => forward([upstream], { own: [own] })).toThrow(expect.objectContaining({ code: 'dns.upstream-loop' }))
  })

  it.each([
    ['udp://127.0.0.1:53', 'tcp://127.0.0.1:53'],
    ['udp://127.0.0.1:53', 'udp://127.0.0.1:5300'],
    ['udp://127.0.0.53:53', 'udp://127.0.0.1:53'],
    ['udp://192.0.2.1:53', 'udp://0.0.0.0:53'],
    ['tls://127.0.0.1:53', 'tcp://127.0.0.1:53'],
  ])('%s is asked when %s is our own', (upstream, own) => {
    expect(() => forward([upstream], { own: [own] })).not.toThrow()
  })

  it('own addresses that are known only later are not asked', async () => {
    const own: string[] = []
    const { ask, network } = setUp(['A 1.1.1.1', 'A 2.2.2.2'], { own: () => own, mode: 'serial' })
    own.push('udp://10.0.0.1:53')
    expect((await ask()).answer).toBe('A 2.2.2.2')
    own.push('udp://10.0.0.2:53')
    expect((await ask()).answer).toBe('undefined')
    expect(network.seen).toEqual(['udp 10.0.0.2:53 db.example A'])
  })

  it('without servers the next resolver is asked', async () => {
    expect((await askInTime(createVirtualClock(), forward([]), 'db.example')).answer).toBe('undefined')
  })
})
