import { connectMarked, ownMark } from '@tunnel/linux'
import { expect, it } from 'vitest'
import { client, echoed, nc, refusal, udpEcho } from './clients.ts'

/** What a service intercepts, as tables of tests have it. */
export interface WantedService {
  readonly to: string | readonly string[]
  readonly ports: number | readonly [number, number]
  readonly protocols?: readonly ('tcp' | 'udp')[]
}

export interface OpenedInterceptor {
  apply(services: Readonly<Record<string, WantedService>>): Promise<unknown>
  /** Where requests went: `describeRequest`. */
  seen(): string[]
  close(): Promise<void>
}

export interface OrdinaryOptions {
  readonly slot?: number
  readonly addressesOf?: (name: string) => readonly string[]
  readonly poolRanges?: readonly string[]
}

const pool = ['100.64.0.0/10', 'fd64::/64']
const everything = { ports: [1, 65_535], protocols: ['tcp', 'udp'] } as const

/** What ordinary programs of a host notice of any interceptor. `from`: the addresses that they are known by. */
export function servesOrdinaryPrograms(open: (options?: OrdinaryOptions) => Promise<OpenedInterceptor>, from: { readonly v4: string; readonly v6: string }): void {
  it('takes what ordinary programs of this host send, over TCP and UDP, IPv4 and IPv6', async () => {
    const { apply, seen } = await open()
    const to = ['203.0.113.5', 'fd09::5']
    await apply({ tcp: { to, ports: 7001 }, udp: { to, ports: 7002, protocols: ['udp'] } })
    for (const address of to) expect(await nc(address, 7001)).toBe(echoed(address, 7001))
    for (const place of ['UDP4:203.0.113.5:7002', 'UDP6:[fd09::5]:7002']) expect(await client('socat', ['-t', '0.3', '-', place], 'ping')).toBe('ping')
    expect(seen()).toEqual([`tcp 203.0.113.5 7001 from ${from.v4}`, `tcp fd09::5 7001 from ${from.v6}`, `udp 203.0.113.5 7002 from ${from.v4}`, `udp fd09::5 7002 from ${from.v6}`])
  })

  it('keeps datagrams whole, up to the largest, both ways', async () => {
    const { apply } = await open()
    await apply({ udp: { to: ['203.0.113.5', 'fd09::5'], ports: 9, protocols: ['udp'] } })
    const sizes = [0, 1, 1_472, 16_368, 65_507]
    for (const address of ['203.0.113.5', 'fd09::5']) expect(await udpEcho(address, 9, sizes)).toEqual(sizes)
  })

  it('serves a wide range with all ports to clients on this host', async () => {
    const { apply } = await open()
    await apply({ range: { to: '10.0.0.0/8', ...everything } })
    const places = Array.from({ length: 20 }, (_, i) => [`10.${i}.3.4`, 1_000 + 3_000 * i] as const)
    expect(await Promise.all(places.map((place) => nc(...place)))).toEqual(places.map((place) => echoed(...place)))
  })

  it('tells services on one address apart by port, and refuses ports that none has', async () => {
    const { apply, seen } = await open({ addressesOf: () => ['100.64.3.3'], poolRanges: pool })
    await apply({ web: { to: '203.0.113.5', ports: 80 }, ssh: { to: '203.0.113.5', ports: 22 }, named: { to: 'db.ziti', ports: 5432 } })
    for (const [address, port] of [['203.0.113.5', 80], ['203.0.113.5', 22], ['100.64.3.3', 5432]] as const) expect(await nc(address, port)).toBe(echoed(address, port))
    expect([await refusal(5433, '100.64.3.3'), await refusal(5432, '100.64.9.9')]).toEqual(['ECONNREFUSED', 'ECONNREFUSED'])
    expect(seen()).toHaveLength(3)
  })

  it('takes the whole pool for a wildcard', async () => {
    const { apply } = await open({ addressesOf: () => pool, poolRanges: pool })
    await apply({ wild: { to: '*.ziti', ports: 80 } })
    for (const address of ['100.99.1.2', 'fd64::1:2:3']) expect(await nc(address, 80)).toBe(echoed(address, 80))
  })

  it('leaves marked sockets alone, even with half of the internet', async () => {
    const { apply, seen } = await open()
    await apply({ half: { to: ['0.0.0.0/1', '99.1.2.3', '2000::/3'], ...everything } })
    expect(await nc('99.1.2.3', 4444)).toBe(echoed('99.1.2.3', 4444))
    const marked = (host: string): Promise<unknown> => connectMarked({ host, port: 4444, mark: ownMark, timeout: 300 }).then(() => 'connected', (error: { code: string }) => error.code)
    for (const host of ['99.1.2.3', '2001:4860::1']) expect(await marked(host)).toMatch(/ETIMEDOUT|EHOSTUNREACH/)
    expect(seen()).toHaveLength(1)
  })

  it('lives beside a second instance', async () => {
    const [first, second] = [await open(), await open({ slot: 1 })]
    await first.apply({ one: { to: '203.0.113.5', ports: 80 } })
    await second.apply({ two: { to: '203.0.113.6', ports: 80 } })
    for (const address of ['203.0.113.5', '203.0.113.6']) expect(await nc(address, 80)).toBe(echoed(address, 80))
    expect([first.seen().length, second.seen().length]).toEqual([1, 1])
    await first.close()
    expect(await nc('203.0.113.6', 80)).toBe(echoed('203.0.113.6', 80))
  })
}
