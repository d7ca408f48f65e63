import { describe, expect, it } from 'vitest'
import { busctl, resolvectl, systemdResolve, type ResolvedProgram } from './resolved-program.ts'
import { parseEndpoint } from './resolved-server.ts'

const setting = { link: 'ziti-dns', servers: ['100.64.0.1', '[fd00::1]:5353'], domains: ['ziti', 'db.corp'] }
const said = async (program: ResolvedProgram, what = setting): Promise<string[]> => {
  const { wishes, domains, server } = await program.set(what)
  return [...wishes, domains, ...(server ? [server] : [])].map((words) => words.slice(1).join(' '))
}

describe('what systemd-resolved is told', () => {
  it('by resolvectl: no questions of others first, the server last', async () => {
    expect(await said(resolvectl('/x'))).toEqual([
      'default-route ziti-dns no', 'llmnr ziti-dns no', 'mdns ziti-dns no', 'dnssec ziti-dns no', 'dnsovertls ziti-dns no',
      'domain ziti-dns ~ziti ~db.corp', 'dns ziti-dns 100.64.0.1 [fd00::1]:5353',
    ])
  })

  it('by resolvectl with no names: the old routes are taken away', async () => {
    const { domains } = await resolvectl('/x').set({ ...setting, domains: [] })
    expect(domains).toEqual(['/x', 'domain', 'ziti-dns', ''])
  })

  it('by systemd-resolve, in one call', async () => {
    expect(await said(systemdResolve('/x'))).toEqual([
      '--interface=ziti-dns --set-llmnr=no --set-mdns=no --set-dnssec=no --set-domain=~ziti --set-domain=~db.corp --set-dns=100.64.0.1 --set-dns=[fd00::1]:5353',
    ])
  })

  it('by busctl, in numbers', async () => {
    const words = await said(busctl('/x', () => Promise.resolve('7')))
    expect(words.slice(-2).map((line) => line.split('Manager ')[1])).toEqual([
      'SetLinkDomains ia(sb) 7 2 ziti true db.corp true',
      'SetLinkDNSEx ia(iayqs) 7 2 2 4 100 64 0 1 0  10 16 253 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 5353 ',
    ])
  })
})

describe('parseEndpoint', () => {
  it.each([
    ['1.2.3.4', 2, 0], ['1.2.3.4:5353', 2, 5353], ['fd00::1', 10, 0], ['[fd00::1]:53', 10, 53],
  ])('%s', (text, family, port) => expect(parseEndpoint(text)).toMatchObject({ family, port }))

  it('refuses what is no address', () => expect(() => parseEndpoint('example.com')).toThrow(/no IP address/))
})
