import type { Answer } from '@tunnel/dns'
import { createDnsServer } from '@tunnel/dns'
import { describe, expect, it } from 'vitest'
import { unusedLinkLocal } from './link-local.ts'
import type { NameBook } from './name-book.ts'
import { createOriginalNames } from './original-names.ts'
import { reverseName } from './reverse-name.ts'

function setUp({ ipv6 = true } = {}) {
  const lines: string[] = []
  const known: Record<string, string[]> = { 'wttr.in': ['5.9.243.187', '2001:db8::1'], 'a.corp.test': ['10.0.0.7'] }
  const refreshes: string[][] = []
  const book: NameBook = createOriginalNames({
    lookup: async (name) => known[name] ?? Promise.reject(new Error('ENOTFOUND')),
    taken: (address) => address === '169.254.1.1',
    refresh: () => {
      refreshes.push([...book.addressesOf('*.corp.test')])
      setImmediate(() => book.publish())
    },
    ipv6,
    log: (_level, _source, message) => lines.push(message),
  })
  const server = createDnsServer({ resolvers: [book.resolver, (): Answer => 'NXDOMAIN'] })
  return { book, lines, refreshes, ask: async (name: string, type: 'A' | 'AAAA' | 'PTR' = 'A') => (await server.ask(name, type)).records.map(({ data }) => data) }
}

describe('original names', () => {
  it('have the addresses that they have anyway, else an unused link-local one', async () => {
    const { book, lines, ask } = setUp()
    await book.assign(['wttr.in', 'bogushost.net'])
    expect(book.addressesOf('wttr.in')).toEqual(['5.9.243.187', '2001:db8::1'])
    const early = ask('wttr.in')
    book.publish()
    expect(await early).toEqual(['5.9.243.187'])
    expect(await ask('wttr.in', 'AAAA')).toEqual(['2001:db8::1'])
    expect(await ask('bogushost.net')).toEqual(['169.254.1.2'])
    expect(await ask('bogushost.net', 'AAAA')).toEqual([])
    expect(await ask('187.243.9.5.in-addr.arpa', 'PTR')).toEqual(['wttr.in'])
    expect(book.nameOf('5.9.243.187')).toBe('wttr.in')
    expect(lines).toEqual([])
    book.announce()
    expect(lines).toEqual(expect.arrayContaining(['adding wttr.in = 5.9.243.187 to resolver', 'adding bogushost.net = 169.254.1.2 to resolver']))
  })

  it('leave IPv6 out where it is off', async () => {
    const { book } = setUp({ ipv6: false })
    await book.assign(['wttr.in'])
    expect(book.addressesOf('wttr.in')).toEqual(['5.9.243.187'])
  })

  it('below a wildcard are intercepted before they are answered', async () => {
    const { book, refreshes, ask } = setUp()
    await book.assign(['*.corp.test'])
    book.publish()
    expect(book.addressesOf('*.corp.test')).toEqual([])
    expect(await ask('a.corp.test')).toEqual(['10.0.0.7'])
    expect(refreshes).toEqual([['10.0.0.7']])
    expect(await ask('a.corp.test')).toEqual(['10.0.0.7'])
    expect(refreshes).toHaveLength(1)
    expect(await ask('corp.test')).toEqual([])
  })

  it('that are being intercepted are waited for, and nobody else is asked', async () => {
    const { book, refreshes, ask } = setUp()
    await book.assign(['*.corp.test'])
    book.publish()
    expect(await Promise.all([ask('a.corp.test'), ask('a.corp.test'), ask('A.corp.test', 'AAAA')])).toEqual([['10.0.0.7'], ['10.0.0.7'], []])
    expect(refreshes).toHaveLength(1)
    await book.assign(['*.corp.test', 'wttr.in'])
    const early = ask('wttr.in')
    book.publish()
    expect(await early).toEqual(['5.9.243.187'])
  })

  it('give their addresses back', async () => {
    const { book, lines, ask } = setUp()
    await book.assign(['bogushost.net'])
    book.publish()
    book.announce()
    await book.assign(['other.net'])
    book.publish()
    expect(await ask('other.net')).toEqual(['169.254.1.2'])
    expect(await ask('bogushost.net')).toEqual([])
    expect(lines).toContain('removing bogushost.net from resolver')
  })
})

it('link-local addresses have an end', () => {
  expect(unusedLinkLocal(() => false)).toBe('169.254.1.1')
  expect(() => unusedLinkLocal(() => true)).toThrow(/every link-local address/)
})

it('reverse names', () => {
  expect(reverseName('192.0.2.1')).toBe('1.2.0.192.in-addr.arpa')
  expect(reverseName('2001:db8::1')).toBe('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})
