import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { findDnsPlaces, tellTaken } from './dns-places.ts'

const usual = { address: '127.0.0.1', port: 53 }
const inside = { address: '100.64.0.17', port: 53 }
const options = { resolver: { kind: 'server', listen: [usual] } as const, resolverNamed: false, configureResolver: true, ip4Range: '100.64.0.1/10' }
const dnsmasq = async (): Promise<string> => 'is taken by dnsmasq (pid 812)'
const nobody = async (): Promise<undefined> => undefined

describe('the places of our DNS server', () => {
  it('are a port of this host, and one inside the tunnel', async () => {
    expect(await findDnsPlaces(options, { method: 'file' }, 0, nobody)).toMatchObject({ listen: [usual], inside, taken: undefined, wanted: { servers: [usual] } })
    expect((await findDnsPlaces(options, { method: 'file' }, 3, nobody)).inside.address).toBe('100.64.0.20')
  })

  it('the tunnel alone, where somebody else has the usual port: this host is pointed there', async () => {
    const places = await findDnsPlaces(options, { method: 'file' }, 0, dnsmasq)
    expect(places).toMatchObject({ listen: [], taken: { at: usual, why: 'is taken by dnsmasq (pid 812)' }, wanted: { servers: [inside] } })
    expect(tellTaken(places)).toBe('127.0.0.1:53 is taken by dnsmasq (pid 812): our DNS server is asked at 100.64.0.17:53 instead, inside the tunnel')
    expect((await findDnsPlaces(options, { method: 'link' }, 0, dnsmasq)).wanted).toMatchObject({ servers: [{ address: '100.64.0.1', port: 53 }], link: { name: 'ziti-dns' } })
  })

  it('that were named are not exchanged for others', async () => {
    expect(await findDnsPlaces({ ...options, resolverNamed: true }, { method: 'file' }, 0, dnsmasq)).toMatchObject({ listen: [usual], taken: undefined })
  })

  it('are tried, not guessed', async () => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    const at = { address: '127.0.0.1', port }
    const places = await findDnsPlaces({ ...options, resolver: { kind: 'server', listen: [at] } }, { method: 'file' }, 0)
    expect(places.taken?.why).toContain(`(pid ${process.pid})`)
    socket.close()
    await once(socket, 'close')
    expect((await findDnsPlaces({ ...options, resolver: { kind: 'server', listen: [at] } }, { method: 'file' }, 0)).taken).toBeUndefined()
  })
})
