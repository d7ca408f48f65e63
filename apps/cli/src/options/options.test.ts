import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { parseIp4Range, parseIp6Range } from './address-range.ts'
import { collectLanInterfaces } from './lan-interfaces.ts'
import { parseResolver, parseUnanswerable } from './resolver-choice.ts'
import { collectUdpIdle, defaultUdpIdle, idleOf } from './udp-idle.ts'
import { collectUpstreams } from './upstream-servers.ts'

describe('--resolver', () => {
  it.each([
    ['udp://127.0.0.1:53', [{ address: '127.0.0.1', port: 53 }]],
    ['udp://127.0.0.1', [{ address: '127.0.0.1', port: 53 }]],
    ['udp://[::1]:5353/', [{ address: '::1', port: 5353 }]],
    ['udp://127.0.0.1:53,udp://10.0.0.1:53', [{ address: '127.0.0.1', port: 53 }, { address: '10.0.0.1', port: 53 }]],
  ])('%s is a server', (text, listen) => expect(parseResolver(text)).toEqual({ kind: 'server', listen }))

  it.each(['unanswerable=servfail', 'response=servfail', 'servfail', 'unanswerable=SERVFAIL'])('knows ?%s', (query) => {
    expect(parseResolver(`udp://127.0.0.1:53?${query}`)).toMatchObject({ unanswerable: 'servfail' })
  })

  it('is a file, or nothing', () => {
    expect(parseResolver('file:///etc/hosts')).toEqual({ kind: 'file', path: '/etc/hosts' })
    expect(parseResolver('file:///srv/my%20hosts')).toEqual({ kind: 'file', path: '/srv/my hosts' })
    expect(parseResolver('none')).toEqual({ kind: 'none' })
    expect(parseResolver('')).toEqual({ kind: 'none' })
  })

  it.each([
    ['127.0.0.1:53', /udp:\/\/ADDRESS/],
    ['tcp://127.0.0.1:53', /udp:\/\/ADDRESS/],
    ['udp://localhost:53', /'localhost' is no IP address/],
    ['udp://127.0.0.1:99999', /udp:\/\/ADDRESS/],
    ['udp://127.0.0.1:53/path', /udp:\/\/ADDRESS/],
    ['udp://127.0.0.1:53?unanswerable=maybe', /'maybe' must be one of refused, servfail, timeout/],
    ['udp://127.0.0.1:53?ttl=5', /'ttl' is no setting/],
    ['file://etc/hosts', /whole path/],
    ['file:///', /whole path/],
    ['/etc/hosts', /udp:\/\/ADDRESS/],
  ])('refuses %s in one clear line', (text, says) => {
    expect(() => parseResolver(text)).toThrow(InvalidArgumentError)
    expect(() => parseResolver(text)).toThrow(says)
  })
})

it('--dnsUnanswerable', () => {
  expect(['timeout', 'servfail', 'refused'].map(parseUnanswerable)).toEqual(['timeout', 'servfail', 'refused'])
  expect(() => parseUnanswerable('nxdomain')).toThrow(/one of/)
})

describe('--dnsUpstream', () => {
  it.each([
    ['192.0.2.1', 'udp://192.0.2.1:53'],
    ['192.0.2.1:5353', 'udp://192.0.2.1:5353'],
    ['udp://192.0.2.1/', 'udp://192.0.2.1:53'],
    ['tcp://[2001:db8::1]', 'tcp://[2001:db8::1]:53'],
    ['2001:db8::1', 'udp://[2001:db8::1]:53'],
    ['tls://192.0.2.1', 'tls://192.0.2.1:853'],
    ['tls://192.0.2.1#dns.example', 'tls://192.0.2.1:853#dns.example'],
  ])('%s is %s', (text, url) => expect(collectUpstreams(text)).toEqual([url]))

  it('is a list, by commas and by repetition', () => {
    expect(collectUpstreams('192.0.2.2, tcp://192.0.2.3', ['udp://192.0.2.1:53'])).toEqual(['udp://192.0.2.1:53', 'udp://192.0.2.2:53', 'tcp://192.0.2.3:53'])
  })

  it.each(['dns.example', 'http://192.0.2.1', 'udp://192.0.2.1:0', 'udp://192.0.2.1:70000', 'udp://', '192.0.2'])('refuses %s', (text) => {
    expect(() => collectUpstreams(text)).toThrow(/must be udp:\/\/, tcp:\/\/ or tls:\/\/ and an IP address/)
  })
})

describe('ranges', () => {
  it('are taken as they are written', () => {
    expect(parseIp4Range('100.64.0.1/10')).toBe('100.64.0.1/10')
    expect(parseIp6Range('fd00::/64')).toBe('fd00::/64')
    expect(parseIp6Range('off')).toBeUndefined()
  })

  it.each(['100.64.0.1', 'fd00::/64', '100.64.0.1/33', '100.64.0.1/31', '0.0.0.0/0', '1.2.3/8', 'off'])('of IPv4 are not %s', (text) => {
    expect(() => parseIp4Range(text)).toThrow(InvalidArgumentError)
  })

  it.each(['fd00::', '100.64.0.1/10', 'fd00::/129', 'fd00::/128', '::/0'])('of IPv6 are not %s', (text) => {
    expect(() => parseIp6Range(text)).toThrow(InvalidArgumentError)
  })
})

describe('--udp-idle', () => {
  it('is for all ports but DNS, or for one', () => {
    const idle = idleOf(collectUdpIdle('5060=600', collectUdpIdle('120')))
    expect([idle(53), idle(5060), idle(9999)]).toEqual([5_000, 600_000, 120_000])
    expect(idleOf(collectUdpIdle('53=2,0.5'))(53)).toBe(2_000)
    expect(idleOf(defaultUdpIdle)(1194)).toBe(300_000)
  })

  it.each(['', '0', '-1', 'soon', '0=5', '70000=5', '53=', '53=5=5', '90000'])('is not %j', (text) => {
    expect(() => collectUdpIdle(text)).toThrow(/SECONDS or PORT=SECONDS/)
  })
})

describe('--lanIf', () => {
  it('is a list of names, each once', () => {
    expect(collectLanInterfaces('eth1,br0', ['eth0', 'eth1'])).toEqual(['eth0', 'eth1', 'br0'])
  })

  it.each(['', 'eth 0', 'a/b', 'sixteenletters16', '..'])('is not %j', (text) => {
    expect(() => collectLanInterfaces(text)).toThrow(/is no name of an interface/)
  })
})
