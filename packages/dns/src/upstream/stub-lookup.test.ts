import { createVirtualClock, type VirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { turn } from '../testing/ask.ts'
import { createFakeNetwork, responseTo, serverOf } from '../testing/fake-network.ts'
import { createStubLookup, type StubLookupOptions } from './stub-lookup.ts'

const hosts = { text: '127.0.0.1 localhost\n10.5.5.5 ctrl.lan\nfd00::5 ctrl.lan\n' }

function setUp(options: StubLookupOptions = {}) {
  const clock = createVirtualClock()
  const network = createFakeNetwork(clock)
  network.servers.set('10.0.0.1:53', (query) => {
    const { name, type } = query.questions![0]!
    if (!name.endsWith('.example')) return [{ bytes: responseTo(query, { rcode: 3 }) }]
    const answers = type === 'A' ? [{ type, name, ttl: 60, data: '10.1.1.1' }, { type, name, ttl: 60, data: '10.1.1.2' }] : name.startsWith('v4.') ? [] : [{ type: 'AAAA' as const, name, ttl: 60, data: 'fd00::1' }]
    return [{ bytes: responseTo(query, { answers }) }]
  })
  const lookup = createStubLookup(['udp://10.0.0.1'], { ...network, clock, hosts, ...options })
  return { clock, network, lookup, ask: (name: string) => inTime(clock, lookup(name)) }
}

async function inTime(clock: VirtualClock, promise: Promise<string[]>): Promise<string> {
  let told: string | undefined
  const settled = promise.then((list) => list.join(' '), (error: Error & { code?: string }) => error.code ?? String(error)).then((text) => (told = text))
  for (let steps = 0; told === undefined && steps < 2000; steps += 1) {
    await turn()
    clock.advance(steps % 2 ? 0 : 10)
  }
  return settled
}

describe('addresses of a host', () => {
  it.each([
    ['www.example', '10.1.1.1 10.1.1.2 fd00::1'],
    ['v4.example', '10.1.1.1 10.1.1.2'],
    ['ctrl.lan', '10.5.5.5 fd00::5'],
    ['CTRL.lan', '10.5.5.5 fd00::5'],
    ['localhost', '127.0.0.1'],
    ['x.localhost', '127.0.0.1 ::1'],
    ['10.0.0.7', '10.0.0.7'],
    ['FD00::0007', 'fd00::7'],
    ['[::1]', '::1'],
    ['none.lan', 'dns.no-address'],
  ])('%s: %s', async (name, expected) => {
    expect(await setUp().ask(name)).toBe(expected)
  })

  it('the hosts file, an address and localhost ask nobody', async () => {
    const { ask, network } = setUp()
    for (const name of ['ctrl.lan', '10.0.0.7', 'localhost', 'x.localhost']) await ask(name)
    expect(network.seen).toEqual([])
  })

  it('are kept as long as they say, and used longer when no server answers', async () => {
    const { ask, clock, network } = setUp()
    await ask('www.example')
    clock.advance(59_000)
    await ask('www.example')
    expect(network.seen).toHaveLength(2)
    network.servers.set('10.0.0.1:53', serverOf('silence'))
    clock.advance(3600_000)
    expect(await ask('www.example')).toBe('10.1.1.1 10.1.1.2 fd00::1')
    clock.advance(8 * 86_400_000)
    expect(await ask('www.example')).toBe('dns.unanswered')
  })

  it.each([['silence'], ['SERVFAIL'], ['REFUSED'], ['garbage']])('of a server with %s: unanswered', async (words) => {
    const { ask, network } = setUp()
    network.servers.set('10.0.0.1:53', serverOf(words))
    expect(await ask('www.example')).toBe('dns.unanswered')
  })

  it('without servers it says so', async () => {
    const lookup = createStubLookup([], { hosts: false })
    await expect(lookup('www.example')).rejects.toThrow('The host www.example cannot be resolved: no DNS server is known.')
  })

  it('ends with its signal', async () => {
    const { lookup, network, clock } = setUp()
    network.servers.set('10.0.0.1:53', serverOf('silence'))
    const controller = new AbortController()
    const answer = lookup('www.example', { signal: controller.signal })
    await turn()
    controller.abort()
    await expect(answer).rejects.toThrow('aborted')
    await turn()
    lookup.close()
    await turn()
    expect(clock.pending).toBe(0)
  })

  it.each(['a..b', 'x'.repeat(64), ''])('no host is called "%s"', async (name) => {
    expect(await setUp().ask(name)).toMatch(/^dns\./)
  })
})
