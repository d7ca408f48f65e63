import { parseHostV1 } from '@tunnel/config'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callTarget } from './call-target.ts'

function hostOf(json: Record<string, unknown>) {
  const host = parseHostV1(json)
  if (!host.ok) throw host.error
  return host.value
}

const fixed = { protocol: 'tcp', address: '10.0.0.5', port: 443 }
const forwarding = {
  forwardProtocol: true,
  allowedProtocols: ['tcp', 'udp'],
  forwardAddress: true,
  allowedAddresses: ['*.corp.ziti', 'db.other', '10.2.0.0/16'],
  forwardPort: true,
  allowedPortRanges: [{ low: 80, high: 90 }],
}
const asked = { dst_protocol: 'tcp', dst_ip: '10.2.0.7', dst_port: '80' }

const targetOf = (json: Record<string, unknown>, appData: Record<string, string>) => {
  const target = callTarget(hostOf(json), appData)
  return target.ok ? target.value : target.error.code
}

describe('a fixed destination', () => {
  it('needs no AppData, and does not mind other', () => {
    expect(targetOf(fixed, {})).toEqual(fixed)
    expect(targetOf(fixed, { dst_protocol: 'udp', dst_ip: '1.2.3.4', dst_port: 'x', other: 'y' })).toEqual(fixed)
  })
})

describe('a forwarded destination (protocol section 5.6, rules 1 to 4)', () => {
  it('is what the caller asks for, within the lists', () => {
    expect(targetOf(forwarding, asked)).toEqual({ protocol: 'tcp', address: '10.2.0.7', port: 80 })
    expect(targetOf(forwarding, { ...asked, dst_hostname: 'a.corp.ziti' })).toMatchObject({ address: 'a.corp.ziti' })
    expect(targetOf(forwarding, { ...asked, dst_hostname: 'CORP.ziti' })).toMatchObject({ address: 'CORP.ziti' })
  })

  it.each([
    [{ ...asked, dst_protocol: 'sctp' }],
    [{ ...asked, dst_ip: '10.3.0.1' }],
    [{ ...asked, dst_ip: 'not an address' }],
    [{ ...asked, dst_port: '91' }],
    [{ ...asked, dst_port: '8e1' }],
    [{ ...asked, dst_port: '-80' }],
    [{ ...asked, dst_port: '080000' }],
    // No fallback from a name that is not allowed to an address that is.
    [{ ...asked, dst_hostname: 'evil.example' }],
  ])('is refused outside of them: %j', (appData) => {
    expect(targetOf(forwarding, appData)).toBe('host.not-allowed')
  })

  it.each(['dst_protocol', 'dst_ip', 'dst_port'])('is refused without %s', (key) => {
    expect(targetOf(forwarding, { ...asked, [key]: '' })).toBe('host.missing-destination')
    expect(targetOf(forwarding, {})).toBe('host.missing-destination')
  })

  it('takes the "(null)" of the C SDK for no name', () => {
    expect(targetOf(forwarding, { ...asked, dst_hostname: '(null)' })).toMatchObject({ address: '10.2.0.7' })
  })

  it('is translated after the allow check, by the longest prefix', () => {
    const forwardAddressTranslations = [
      { from: '10.2.0.0', to: '192.168.0.0', prefixLength: 16 },
      { from: '10.2.0.0', to: '172.16.5.0', prefixLength: 24 },
    ]
    const host = { ...forwarding, forwardAddressTranslations }
    expect(targetOf(host, asked)).toMatchObject({ address: '172.16.5.7' })
    expect(targetOf(host, { ...asked, dst_ip: '10.2.9.7' })).toMatchObject({ address: '192.168.9.7' })
    expect(targetOf(host, { ...asked, dst_ip: '192.168.9.7' })).toBe('host.not-allowed')
  })
})

describe('a source address (rule 5)', () => {
  it.each([
    ['192.168.0.9', { address: '192.168.0.9' }],
    ['192.168.0.9:99', { address: '192.168.0.9', port: 99 }],
    ['fd00::1', { address: 'fd00::1' }],
    ['[fd00::1]:99', { address: 'fd00::1', port: 99 }],
  ])('is read: %s', (source_addr, source) => {
    expect(targetOf(fixed, { source_addr })).toEqual({ ...fixed, source })
  })

  it('must be in the list, if there is one', () => {
    const host = { ...fixed, allowedSourceAddresses: ['192.168.0.0/24'] }
    expect(targetOf(host, { source_addr: '192.168.0.9:5' })).toMatchObject({ source: { address: '192.168.0.9', port: 5 } })
    expect(targetOf(host, { source_addr: '192.168.1.9' })).toBe('host.not-allowed')
  })

  it.each(['localhost', '1.2.3.4:99999', '[::1', ':80', '$src_ip:$src_port'])('is refused when it is none: %s', (source_addr) => {
    expect(targetOf(fixed, { source_addr })).toBe('host.not-allowed')
  })
})

describe('what is not done', () => {
  it('is refused in clear words', () => {
    expect(targetOf(fixed, { connType: 'resolver' })).toBe('host.not-supported')
    const proxied = { ...fixed, protocol: 'udp', proxy: { type: 'http', address: 'proxy:3128' } }
    expect(targetOf(proxied, {})).toBe('host.not-supported')
    expect(targetOf({ ...proxied, protocol: 'tcp' }, {})).toMatchObject({ proxy: 'proxy:3128' })
  })
})

describe('hostile AppData', () => {
  it('is not quoted at length', () => {
    const target = callTarget(hostOf(forwarding), { ...asked, dst_port: '8'.repeat(60_000) })
    expect(!target.ok && target.error.message.length).toBeLessThan(200)
  })

  const keys = ['dst_protocol', 'dst_ip', 'dst_hostname', 'dst_port', 'source_addr', 'connType', '__proto__', 'toString']
  const value = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.integer().map(String), fc.constantFrom('tcp', 'udp', 'a.corp.ziti', '10.2.0.7:80'))

  it('never throws, and never leads outside of the lists', () => {
    const host = hostOf(forwarding)
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value), (appData) => {
        const target = callTarget(host, appData)
        if (!target.ok) return
        const { port, protocol, address } = target.value
        expect(port).toBeGreaterThanOrEqual(80)
        expect(port).toBeLessThanOrEqual(90)
        expect(['tcp', 'udp']).toContain(protocol)
        expect(address).toMatch(/^10\.2\.|corp\.ziti\.?$|^db\.other\.?$/i)
      }),
      { numRuns: 2_000 },
    )
  })
})
