import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it, vi } from 'vitest'
import { createQuestion } from '../message/question.ts'
import type { Answer, ResolveContext, ResolverObject } from '../resolve/resolver.ts'
import { createNameSet } from './name-set.ts'
import { syntheticPool, type SyntheticPool } from './synthetic-pool.ts'

const context: ResolveContext = { transport: 'direct', signal: new AbortController().signal, recursionDesired: true }
const ask = (resolver: ResolverObject, name: string, type = 'A') => resolver.resolve(createQuestion(name, type), context) as Answer | undefined
const dataOf = (answer: Answer | undefined) => (typeof answer === 'object' && answer.raw === undefined ? answer.records.map(({ data }) => data) : answer)
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}.wild.ziti`)

/** What a person would read in a table: an address of the pool is `own`. */
function seen(pool: SyntheticPool, answer: Answer | undefined): unknown {
  if (typeof answer !== 'object' || answer.raw !== undefined) return answer
  if (answer.authoritative !== true) return 'not authoritative'
  const told = answer.records.map(({ type, data, ttl }) => `${type} ${ttl} ${pool.contains(data as string) ? 'own' : (data as string)}`)
  return told.join(', ') || 'NODATA'
}

describe.each([
  ['both families', { v4: '100.64.0.1/10', v6: 'fd00:7a69::1/64' }, 'A 60 own', 'AAAA 60 own'],
  ['IPv4 only', { v4: '100.64.0.1/10' }, 'A 60 own', 'NODATA'],
  ['IPv6 only', { v6: 'fd00:7a69::1/64' }, 'NODATA', 'AAAA 60 own'],
])('names of a pool of %s', (_, ranges, a, aaaa) => {
  it.each([
    ['db.ziti', 'A', a],
    ['DB.Ziti', 'A', a],
    ['db.ziti', 'AAAA', aaaa],
    ['db.ziti', 'HTTPS', 'NODATA'],
    ['db.ziti', 'SVCB', 'NODATA'],
    ['db.ziti', 'MX', undefined],
    ['db.ziti', 'TXT', undefined],
    ['db.ziti', 'SRV', undefined],
    ['db.ziti', 'ANY', undefined],
    ['x.wild.ziti', 'A', a],
    ['a.b.wild.ziti', 'AAAA', aaaa],
    ['x.wild.ziti', 'HTTPS', 'NODATA'],
    ['wild.ziti', 'A', undefined],
    ['wild.ziti', 'HTTPS', undefined],
    ['_http._tcp.x.wild.ziti', 'SRV', undefined],
    ['other.ziti', 'A', undefined],
    ['other.ziti', 'SVCB', undefined],
    ['', 'A', undefined],
    ['1.0.64.100.in-addr.arpa', 'PTR', undefined],
    ['wild.ziti', 'PTR', undefined],
  ])('%s %s: %s', (name, type, expected) => {
    const pool = syntheticPool(ranges)
    const numbers: Record<string, string> = { HTTPS: 'TYPE65', SVCB: 'TYPE64' }
    expect(seen(pool, ask(pool.names(['db.ziti', '*.wild.ziti']), name, numbers[type] ?? type))).toBe(expected)
  })
})

describe('names of a pool', () => {
  it('PTR questions for assigned addresses of both families find the name', () => {
    const pool = syntheticPool({ v4: '100.64.0.1/10', v6: 'fd00:7a69::1/64' })
    const resolver = pool.names(['db.ziti'])
    const [v4] = dataOf(ask(resolver, 'db.ziti')) as [string]
    const [v6] = dataOf(ask(resolver, 'db.ziti', 'AAAA')) as [string]
    expect(dataOf(ask(resolver, `${v4.split('.').toReversed().join('.')}.IN-ADDR.arpa`, 'PTR'))).toEqual(['db.ziti'])
    const groups = v6.replace('::', ':0:0:').split(':').map((group) => group.padStart(4, '0'))
    expect(dataOf(ask(resolver, `${groups.join('').split('').toReversed().join('.')}.ip6.arpa`, 'PTR'))).toEqual(['db.ziti'])
  })

  it('other types are NODATA when nobody else shall be asked', () => {
    const pool = syntheticPool({ v4: '100.64.0.1/10' })
    const resolver = pool.names(['db.ziti'], { otherTypes: 'nodata' })
    expect([ask(resolver, 'db.ziti', 'MX'), ask(resolver, 'x.ziti', 'MX')].map((answer) => seen(pool, answer))).toEqual(['NODATA', undefined])
  })

  it('the same question gets the same object, and no promise', () => {
    const resolver = syntheticPool({ v4: '100.64.0.1/10' }).names(['db.ziti'])
    expect(ask(resolver, 'db.ziti')).toBe(ask(resolver, 'DB.ziti'))
  })

  it('follows its set', () => {
    const set = createNameSet(['a.ziti'])
    const resolver = syntheticPool({ v4: '100.64.0.1/10' }).names(set)
    expect(ask(resolver, 'a.ziti')).toBeDefined()
    set.replace(['b.ziti'])
    expect(ask(resolver, 'a.ziti')).toBeUndefined()
    expect(ask(resolver, 'b.ziti')).toBeDefined()
  })

  it('tells what questions assign, once, and what is released', () => {
    const pool = syntheticPool({ v4: '100.64.0.1/10' })
    const [onAssigned, onReleased] = [vi.fn(), vi.fn()]
    const resolver = pool.names(['db.ziti', '*.wild.ziti'], { onAssigned, onReleased })
    pool.assign('db.ziti')
    for (const name of ['db.ziti', 'X.wild.ziti', 'x.wild.ziti']) ask(resolver, name)
    const assignment = pool.addressesOf('x.wild.ziti')
    expect(onAssigned.mock.calls).toEqual([[assignment]])
    pool.release('x.wild.ziti')
    pool.release('x.wild.ziti')
    expect(onReleased.mock.calls).toEqual([[assignment]])
  })
})

describe('more names than are remembered', () => {
  const setUp = (options: { inUse?: (address: string) => boolean; limit?: number; v4?: string } = {}) => {
    const clock = createVirtualClock()
    const log = vi.fn()
    const pool = syntheticPool({ v4: '100.64.0.1/10', clock, log, limit: 8, ...options })
    return { clock, log, pool, resolver: pool.names(['*.wild.ziti']) }
  }

  it('the one that was idle for the longest is forgotten', () => {
    const { clock, pool, resolver } = setUp()
    for (const name of numbered(8)) ask(resolver, name)
    clock.advance(100_000)
    ask(resolver, 'n0.wild.ziti')
    clock.advance(20_000)
    expect(dataOf(ask(resolver, 'new.wild.ziti'))).toHaveLength(1)
    expect(pool.assigned).toBe(8)
    expect(pool.addressesOf('n0.wild.ziti')).toBeDefined()
    expect(pool.addressesOf('n1.wild.ziti')).toBeUndefined()
  })

  it('none that a client may still hold is forgotten: SERVFAIL, and one line in the log', () => {
    const { log, pool, resolver } = setUp()
    for (const name of numbered(8)) ask(resolver, name)
    expect([ask(resolver, 'x.wild.ziti'), ask(resolver, 'y.wild.ziti')]).toEqual(['SERVFAIL', 'SERVFAIL'])
    expect(pool.assigned).toBe(8)
    expect(log.mock.calls.map(([level, , message]) => [level, message])).toEqual([
      ['warn', 'No address for x.wild.ziti: 8 names were assigned by questions, and none of them is idle. Something may be asking for random names; one that nobody asks for during 120 s makes room.'],
    ])
  })

  it('none whose address is in use is forgotten', () => {
    const busy = new Set<string>()
    const { clock, pool, resolver } = setUp({ inUse: (address) => busy.has(address) })
    for (const name of numbered(8)) ask(resolver, name)
    for (const name of numbered(7)) busy.add(pool.addressesOf(name)!.v4!)
    clock.advance(120_000)
    expect(ask(resolver, 'x.wild.ziti')).not.toBe('SERVFAIL')
    expect(pool.addressesOf('n7.wild.ziti')).toBeUndefined()
    busy.add(pool.addressesOf('x.wild.ziti')!.v4!)
    clock.advance(120_000)
    expect(ask(resolver, 'y.wild.ziti')).toBe('SERVFAIL')
  })

  it('none that the program assigned is forgotten, also when a question came first', () => {
    const { clock, pool, resolver } = setUp({ limit: 2 })
    ask(resolver, 'kept.wild.ziti')
    pool.assign('kept.wild.ziti')
    for (let round = 0; round < 5; round += 1) {
      clock.advance(120_000)
      for (const name of ['a', 'b']) ask(resolver, `${name}${round}.wild.ziti`)
    }
    expect(pool.addressesOf('kept.wild.ziti')).toBeDefined()
    expect(pool.assigned).toBe(3)
  })

  it('a small range makes room for a new name as well', () => {
    const { clock, pool, resolver } = setUp({ v4: '10.0.0.0/30' })
    for (const name of numbered(2)) ask(resolver, name)
    expect(ask(resolver, 'x.wild.ziti')).toBe('SERVFAIL')
    clock.advance(120_000)
    expect(dataOf(ask(resolver, 'x.wild.ziti'))).toHaveLength(1)
    expect(pool.assigned).toBe(2)
  })

  it('memory stays bounded under names at random', () => {
    const { clock, pool, resolver } = setUp({ limit: 100 })
    for (let index = 0; index < 20_000; index += 1) {
      ask(resolver, `r${index}.wild.ziti`)
      clock.advance(200)
    }
    expect(pool.assigned).toBe(100)
  })
})
