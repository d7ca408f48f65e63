import { describe, expect, it } from 'vitest'
import { address } from '../testing/build-packet.ts'
import { PathMtu } from './path-mtu.ts'

const v4 = address('192.0.2.1')
const v6 = address('2001:db8::1')

describe('PathMtu', () => {
  it('is the link\'s until a smaller one is learnt, and again after ten minutes', () => {
    const mtu = new PathMtu(1500, 1)
    expect(mtu.to(v4, 0)).toBe(1500)
    mtu.learn(v4, 1400, 0)
    expect([mtu.to(v4, 599_999), mtu.to(address('192.0.2.2'), 0), mtu.to(v4, 600_000)]).toEqual([1400, 1500, 1500])
    expect(mtu.entries).toBe(0)
  })

  it('only goes down', () => {
    const mtu = new PathMtu(1500, 1)
    expect([mtu.judge(v4, 1500, 1500, 0), mtu.judge(v4, 9000, 1500, 0), mtu.judge(v4, 1499, 1500, 0)]).toEqual([undefined, undefined, 1499])
    mtu.learn(v4, 1000, 0)
    expect([mtu.judge(v4, 1400, 1500, 0), mtu.judge(v4, 999, 1500, 0)]).toEqual([undefined, 999])
  })

  it('does not believe small ones: ignored below 1280 for IPv6 (RFC 8201 4), 552 at least for IPv4', () => {
    const mtu = new PathMtu(1500, 1)
    expect([0, 1, 68, 576, 1279, 1280].map((told) => mtu.judge(v6, told, 1500, 0))).toEqual([undefined, undefined, undefined, undefined, undefined, 1280])
    expect([1, 68, 551, 552, 576].map((told) => mtu.judge(v4, told, 1500, 0))).toEqual([552, 552, 552, 552, 576])
  })

  it('goes to the next plateau for routers that do not say (RFC 1191 7)', () => {
    const mtu = new PathMtu(65_535, 1)
    expect([65_535, 40_000, 1500, 1492, 1006, 300].map((packet) => mtu.judge(v4, 0, packet, 0))).toEqual([32_000, 32_000, 1492, 1006, 552, 552])
  })

  it('remembers so many destinations', () => {
    const mtu = new PathMtu(1500, 1, { maxEntries: 10 })
    for (let last = 0; last < 1000; last += 1) mtu.learn(address(`10.0.${last >> 8}.${last & 255}`), 1400, 0)
    expect(mtu.entries).toBeLessThanOrEqual(10)
    expect(mtu.to(address('10.0.3.231'), 0)).toBe(1400)
  })
})
