import { createVirtualClock } from '@tunnel/flow/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { syntheticPool } from './synthetic-pool.ts'

const exhausted = expect.objectContaining({ code: 'dns.pool-exhausted' })
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `host${index}.ziti`)
const aName = fc.stringMatching(/^[a-z0-9_-]{1,20}(\.[a-z0-9_-]{1,10}){0,3}$/)

describe('the address of a name', () => {
  it('lies in the ranges, and tells the name', () => {
    const pool = syntheticPool({ v4: '100.64.0.1/10', v6: 'fd00:7a69::1/64' })
    const { name, v4 = '', v6 = '' } = pool.assign('DB.ziti.')
    expect(name).toBe('db.ziti')
    expect(v4).toMatch(/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$/)
    expect(v6).toMatch(/^fd00:7a69::/)
    expect(pool.nameOf(v4)).toBe('db.ziti')
    expect(pool.nameOf(v6)).toBe('db.ziti')
    expect(pool.nameOf(v6.toUpperCase())).toBe('db.ziti')
    expect(pool.contains(v4) && pool.contains(v6)).toBe(true)
    expect(pool.contains('10.0.0.1')).toBe(false)
    expect(pool.ranges).toEqual(['100.64.0.0/10', 'fd00:7a69::/64'])
    expect(pool.addressesOf('db.ZITI')).toEqual({ name, v4, v6 })
  })

  // Written down, because the same must come out of every later version: addresses are in firewall rules and caches.
  it.each([
    ['db.ziti', '', '100.92.90.54', 'fd00:7a69::7e26:d13a:d4cd:f715'],
    ['web.ziti', '', '100.86.148.93', 'fd00:7a69::8cb0:ed91:4c40:bcbd'],
    ['db.ziti', 'home', '100.112.23.109', 'fd00:7a69::f0b3:c80:d51c:e909'],
  ])('%s with key "%s" is %s and %s for ever', (name, key, v4, v6) => {
    expect(syntheticPool({ v4: '100.64.0.1/10', v6: 'fd00:7a69::1/64', key }).assign(name)).toEqual({ name, v4, v6 })
  })

  it('is the same in every pool with the same ranges and key, whatever was assigned before', () => {
    fc.assert(
      fc.property(aName, fc.array(aName, { maxLength: 30 }), (name, others) => {
        // The widest range, so that no two of the names collide.
        const [left, right] = [0, 1].map(() => syntheticPool({ v4: '0.0.0.0/0', v6: 'fd00:7a69::1/64', key: 'home' }))
        for (const other of others) left!.assign(other)
        expect(left!.assign(name)).toEqual(right!.assign(name.toUpperCase()))
      }),
    )
  })

  it('is unique to it and stays, and a released one comes back the same', () => {
    fc.assert(
      fc.property(fc.uniqueArray(aName, { maxLength: 60 }), (all) => {
        const pool = syntheticPool({ v4: '10.0.0.0/26' })
        const given = new Map(all.map((name) => [name, pool.assign(name).v4]))
        expect(new Set(given.values()).size).toBe(all.length)
        for (const name of all) expect(pool.assign(name).v4).toBe(given.get(name))
        for (const name of all) pool.release(name)
        expect(pool.assigned).toBe(0)
        const again = all[0]
        if (again !== undefined) expect(pool.assign(again).v4).toBe(given.get(again))
      }),
    )
  })

  it('is spread evenly', () => {
    const pool = syntheticPool({ v4: '10.0.0.0/8' })
    const buckets = Array.from({ length: 16 }, () => 0)
    for (const name of names(8000)) {
      const bucket = Number(pool.assign(name).v4!.split('.')[1]) >> 4
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
    }
    // 500 are expected in each; five standard deviations are 108.
    expect(Math.max(...buckets.map((count) => Math.abs(count - 500)))).toBeLessThan(108)
  })
})

describe('ranges', () => {
  it.each([
    ['10.9.8.5/29', ['10.9.8.1', '10.9.8.2', '10.9.8.3', '10.9.8.4', '10.9.8.6']],
    ['10.9.8.0/30', ['10.9.8.1', '10.9.8.2']],
    ['10.9.8.15/30', ['10.9.8.13', '10.9.8.14']],
  ])('%s gives out %j: not the network, not its own, not the broadcast address', (v4, expected) => {
    const pool = syntheticPool({ v4 })
    const given = names(expected.length).map((name) => pool.assign(name).v4)
    expect(given.toSorted()).toEqual(expected)
    expect(() => pool.assign('one.more')).toThrow(exhausted)
  })

  it('IPv6: no network address, not its own', () => {
    const pool = syntheticPool({ v6: 'fd00::2/126' })
    expect([pool.assign('a').v6, pool.assign('b').v6].toSorted()).toEqual(['fd00::1', 'fd00::3'])
    expect(() => pool.assign('c')).toThrow(exhausted)
  })

  it.each(['100.64.0.1', '100.64.0.1/33', '100.64.0.1/-1', '100.64.0.1/10/8', '1.2.3/8', 'fd00::/64', '10.0.0.1/32', '10.0.0.0/31', 'x', ''])(
    'refuses "%s"',
    (v4) => {
      expect(() => syntheticPool({ v4 })).toThrow(expect.objectContaining({ code: 'dns.bad-range' }))
    },
  )

  it('needs one', () => {
    expect(() => syntheticPool({})).toThrow(expect.objectContaining({ code: 'dns.bad-range' }))
  })

  it.each(['', '.', '*.ziti', '*'])('assigns nothing to "%s"', (name) => {
    expect(() => syntheticPool({ v4: '10.0.0.0/8' }).assign(name)).toThrow(expect.objectContaining({ code: 'dns.bad-name' }))
  })

  it('never gives out what is taken', () => {
    const taken = (address: string): boolean => Number(address.split('.')[3]) % 2 === 0
    const pool = syntheticPool({ v4: '10.0.0.0/28', taken })
    const given = names(7).map((name) => pool.assign(name).v4!)
    expect(given.filter(taken)).toEqual([])
    expect(() => pool.assign('one.more')).toThrow(exhausted)
  })
})

describe('a full pool', () => {
  it('says so, with what to do, and keeps no half of an assignment', () => {
    const pool = syntheticPool({ v4: '10.0.0.0/30', v6: 'fd00::/64' })
    for (const name of names(2)) pool.assign(name)
    expect(() => pool.assign('late.ziti')).toThrow('No address for late.ziti: the range 10.0.0.0/30 has no free address. Give a larger range, or release names.')
    expect(pool.assigned).toBe(2)
    expect(pool.addressesOf('late.ziti')).toBeUndefined()
  })

  it('gives the address of a released name to another one when clients have forgotten it', () => {
    const clock = createVirtualClock()
    const pool = syntheticPool({ v4: '10.0.0.0/30', clock })
    const [first] = names(2).map((name) => pool.assign(name))
    pool.release('host0.ziti')
    expect(pool.nameOf(first!.v4!)).toBeUndefined()
    expect(() => pool.assign('late.ziti')).toThrow(exhausted)
    clock.advance(119_000)
    expect(() => pool.assign('late.ziti')).toThrow(exhausted)
    clock.advance(1001)
    expect(pool.assign('late.ziti').v4).toBe(first?.v4)
  })

  it('gives the address back to the same name at once', () => {
    const pool = syntheticPool({ v4: '10.0.0.0/30' })
    const [first] = names(2).map((name) => pool.assign(name))
    pool.release('host0.ziti')
    expect(pool.assign('host0.ziti').v4).toBe(first?.v4)
  })

  it('is not searched for every question: that takes long', () => {
    const clock = createVirtualClock()
    let asked = 0
    const pool = syntheticPool({ v4: '10.0.0.0/20', clock, taken: () => (asked += 1) > 0 })
    for (const name of names(100)) expect(() => pool.assign(name)).toThrow(exhausted)
    expect(asked).toBe(4094)
    clock.advance(1000)
    expect(() => pool.assign('x')).toThrow(exhausted)
    expect(asked).toBe(2 * 4094)
  })
})
