import type { Answer } from '@tunnel/dns'
import { createDnsServer, syntheticPool } from '@tunnel/dns'
import { describe, expect, it } from 'vitest'
import type { NameBook } from './name-book.ts'
import { createSyntheticNames } from './synthetic-names.ts'

function setUp(range = '100.64.0.1/10') {
  const lines: string[] = []
  const pool = syntheticPool({ v4: range, v6: 'fd00::/64' })
  const book = createSyntheticNames(pool, (_level, source, message) => lines.push(`${source}: ${message}`))
  return { book, lines, pool }
}

const ask = async (book: NameBook, name: string, type: 'A' | 'AAAA' | 'PTR' = 'A'): Promise<unknown[]> => {
  const server = createDnsServer({ resolvers: [book.resolver, (): Answer => 'NXDOMAIN'] })
  return (await server.ask(name, type)).records.map(({ data }) => data)
}

describe('synthetic names', () => {
  it('have addresses before they are answered', async () => {
    const { book, lines } = setUp()
    expect(await book.assign(['web.ziti'])).toEqual(new Map())
    const [v4 = '', v6 = ''] = book.addressesOf('web.ziti')
    expect(v4).toMatch(/^100\./)
    expect(v6).toMatch(/^fd00:/)
    expect(await ask(book, 'web.ziti')).toEqual([])
    expect(lines).toEqual([])
    book.publish()
    expect(await ask(book, 'WEB.ziti')).toEqual([v4])
    expect(await ask(book, 'web.ziti', 'AAAA')).toEqual([v6])
    expect(book.nameOf(v4)).toBe('web.ziti')
    expect(lines).toEqual([])
    book.announce()
    expect(lines).toEqual([`dns.(*resolver).AddHostname: adding web.ziti = ${v4} to resolver`])
    expect(book.entries()).toEqual([{ address: v4, name: 'web.ziti' }, { address: v6, name: 'web.ziti' }])
  })

  it('are said once, and keep their addresses', async () => {
    const { book, lines } = setUp()
    for (let apply = 0; apply < 3; apply += 1) {
      await book.assign(['web.ziti', 'db.ziti'])
      book.publish()
      book.announce()
    }
    expect(lines).toHaveLength(2)
  })

  it('that have gone are no longer answered, already before the host is changed', async () => {
    const { book, lines } = setUp()
    await book.assign(['web.ziti', 'db.ziti'])
    book.publish()
    book.announce()
    await book.assign(['db.ziti'])
    expect(await ask(book, 'web.ziti')).toEqual([])
    expect(await ask(book, 'db.ziti')).toHaveLength(1)
    expect(lines.at(-1)).toBe('dns.(*resolver).RemoveHostname: removing web.ziti from resolver')
    expect(book.addressesOf('web.ziti')).toEqual([])
  })

  it('a wildcard stands for the whole range, and its names for addresses out of it', async () => {
    const { book, lines, pool } = setUp()
    await book.assign(['*.wild.ziti'])
    expect(book.addressesOf('*.wild.ziti')).toEqual(pool.ranges)
    book.publish()
    book.announce()
    const [address] = await ask(book, 'a.wild.ziti')
    expect(book.nameOf(String(address))).toBe('a.wild.ziti')
    expect(await ask(book, 'wild.ziti')).toEqual([])
    expect(lines).toEqual([`dns.(*resolver).AddHostname: adding a.wild.ziti = ${String(address)} to resolver`])
    expect(book.entries()).toEqual([])
  })

  it('of services that pass the client\'s address on have no IPv6 addresses', async () => {
    const { book } = setUp()
    await book.assign(['src.ziti', '*.src.wild', 'web.ziti'], ['src.ziti', '*.src.wild', 'not a name'])
    book.publish()
    expect(book.addressesOf('src.ziti')).toEqual([expect.stringMatching(/^100\./)])
    expect(await ask(book, 'src.ziti')).toHaveLength(1)
    expect(await ask(book, 'a.src.wild')).toHaveLength(1)
    for (const name of ['src.ziti', 'SRC.ziti', 'a.src.wild']) expect(await ask(book, name, 'AAAA')).toEqual([])
    expect(await ask(book, 'web.ziti', 'AAAA')).toHaveLength(1)
    expect(book.entries().map(({ name }) => name)).toEqual(['src.ziti', 'web.ziti', 'web.ziti'])
    await book.assign(['src.ziti'])
    book.publish()
    expect(await ask(book, 'src.ziti', 'AAAA')).toHaveLength(1)
  })

  it('that no DNS name can be, or for which no address is left, are refused alone', async () => {
    const { book } = setUp('10.0.0.1/30')
    const names = ['a.ziti', 'b.ziti', 'c.ziti', 'd.ziti', 'e.ziti', 'not a name']
    const refused = await book.assign(names)
    expect(refused.get('not a name')).toMatchObject({ code: 'dns.bad-pattern' })
    const exhausted = [...refused.values()].filter(({ code }) => code === 'dns.pool-exhausted')
    expect(exhausted.length).toBeGreaterThan(0)
    book.publish()
    expect(book.entries().length).toBeGreaterThan(0)
  })
})
