import { describe, expect, it } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { idleContext, inWords } from '../testing/ask.ts'
import type { Answer } from './resolver.ts'
import { records, type Zone } from './records.ts'

const ask = (zone: Zone, name: string, type: string, options = {}): Answer | undefined => records(zone, options).resolve(createQuestion(name, type), idleContext) as Answer | undefined

describe('records of single names', () => {
  const zone: Zone = {
    'db.lan': { A: ['10.0.0.5', '10.0.0.6'], AAAA: 'fd00::5', TXT: ['primary', ['two', 'strings']], MX: { preference: 10, exchange: 'mail.lan' } },
    'DEEP.a.b.lan': { A: '10.0.0.7' },
    'alias.lan': { CNAME: 'db.lan' },
    'far.lan': { CNAME: 'www.example.com' },
    'loop.lan': { CNAME: 'pool.lan' },
    'pool.lan': { CNAME: 'loop.lan' },
    '_ldap._tcp.lan': { SRV: { priority: 1, weight: 2, port: 389, target: 'db.lan' } },
    '5.0.0.10.in-addr.arpa': { PTR: 'db.lan' },
    '*.apps.lan': { A: '10.0.1.1' },
    'own.apps.lan': { A: '10.0.1.2' },
    'x.inner.apps.lan': { A: '10.0.1.3' },
    '*.same.lan': { CNAME: 'db.lan' },
  }

  it.each([
    ['db.lan', 'A', 'A 10.0.0.5, A 10.0.0.6'],
    ['DB.Lan', 'A', 'A 10.0.0.5, A 10.0.0.6'],
    ['db.lan', 'AAAA', 'AAAA fd00::5'],
    ['db.lan', 'TXT', 'TXT ["primary"], TXT ["two","strings"]'],
    ['db.lan', 'MX', 'MX {"preference":10,"exchange":"mail.lan"}'],
    ['db.lan', 'SRV', 'NODATA'],
    ['db.lan', 'TYPE65', 'NODATA'],
    ['deep.a.b.lan', 'A', 'A 10.0.0.7'],
    ['a.b.lan', 'A', 'undefined'],
    ['x.db.lan', 'A', 'undefined'],
    ['lan', 'A', 'undefined'],
    ['other.example', 'A', 'undefined'],
    ['', 'NS', 'undefined'],
    ['alias.lan', 'CNAME', 'CNAME db.lan'],
    ['alias.lan', 'A', 'CNAME db.lan, A 10.0.0.5, A 10.0.0.6'],
    ['alias.lan', 'SRV', 'CNAME db.lan'],
    ['far.lan', 'A', 'CNAME www.example.com'],
    ['_ldap._tcp.lan', 'SRV', 'SRV {"priority":1,"weight":2,"port":389,"target":"db.lan"}'],
    ['5.0.0.10.in-addr.arpa', 'PTR', 'PTR db.lan'],
    ['x.apps.lan', 'A', 'A 10.0.1.1'],
    ['y.x.apps.lan', 'A', 'A 10.0.1.1'],
    ['x.apps.lan', 'AAAA', 'NODATA'],
    ['apps.lan', 'A', 'undefined'],
    ['own.apps.lan', 'A', 'A 10.0.1.2'],
    ['own.apps.lan', 'AAAA', 'NODATA'],
    ['sub.own.apps.lan', 'A', 'undefined'],
    ['y.inner.apps.lan', 'A', 'undefined'],
    ['inner.apps.lan', 'A', 'undefined'],
    ['z.same.lan', 'AAAA', 'CNAME db.lan, AAAA fd00::5'],
  ])('%s %s: %s', (name, type, expected) => {
    expect(inWords(ask(zone, name, type))).toBe(expected)
  })

  it('a loop of aliases ends', () => {
    expect(inWords(ask(zone, 'loop.lan', 'A')).split(', ').length).toBeLessThanOrEqual(8)
  })

  it('ANY is all there is', () => {
    expect(inWords(ask(zone, 'db.lan', 'ANY')).split(', ').map((text) => text.split(' ')[0])).toEqual(['A', 'A', 'AAAA', 'TXT', 'TXT', 'MX'])
  })

  it('the same question gets the same object', () => {
    const resolver = records(zone)
    const question = createQuestion('db.lan', 'A')
    expect(resolver.resolve(question, idleContext)).toBe(resolver.resolve(question, idleContext))
  })
})

describe('a zone of ours', () => {
  const soa = { mname: 'ns.lan', rname: 'admin.lan', serial: 7, refresh: 1, retry: 1, expire: 1, minimum: 30 }
  const withSoa: Zone = { lan: { SOA: soa, NS: 'ns.lan' }, 'db.lan': { A: '10.0.0.5' }, 'deep.a.b.lan': { A: '10.0.0.7' }, '*.wild.lan': { A: '10.0.1.1' }, 'x.y.wild.lan': { A: '10.0.1.2' } }

  it.each([
    ['db.lan', 'A', 'A 10.0.0.5'],
    ['db.lan', 'AAAA', 'NODATA'],
    ['lan', 'NS', 'NS ns.lan'],
    ['lan', 'A', 'NODATA'],
    ['none.lan', 'A', 'NXDOMAIN'],
    ['x.db.lan', 'A', 'NXDOMAIN'],
    ['a.b.lan', 'A', 'NODATA'], // RFC 4592 2.2.2: a name that only has names below it exists.
    ['b.lan', 'MX', 'NODATA'],
    ['c.b.lan', 'A', 'NXDOMAIN'],
    ['wild.lan', 'A', 'NODATA'],
    ['any.wild.lan', 'A', 'A 10.0.1.1'],
    ['any.wild.lan', 'TXT', 'NODATA'],
    ['y.wild.lan', 'A', 'NODATA'],
    ['z.y.wild.lan', 'A', 'NXDOMAIN'], // RFC 4592 3.3.1: the closest name that exists is y.wild.lan, which has no wildcard.
    ['notlan', 'A', 'undefined'],
    ['db.example', 'A', 'undefined'],
  ])('with a SOA: %s %s: %s', (name, type, expected) => {
    expect(inWords(ask(withSoa, name, type))).toBe(expected)
  })

  it('without a SOA, by name', () => {
    expect(inWords(ask({ 'db.lan': { A: '10.0.0.5' } }, 'none.lan', 'A', { zones: ['LAN.'] }))).toBe('NXDOMAIN')
  })

  it.each(['none.lan', 'wild.lan'])('the negative answer for %s may be kept as the SOA says', (name) => {
    expect(ask(withSoa, name, 'A')).toMatchObject({ authoritative: true, authority: [{ type: 'SOA', name: 'lan', ttl: 30, data: soa }] })
  })
})

describe('what cannot be', () => {
  it.each<[string, Zone]>([
    ['dns.invalid-record', { 'x.lan': { CNAME: 'y.lan', A: '10.0.0.1' } }],
    ['dns.invalid-record', { 'x.lan': { WHAT: 'y' } as never }],
    ['dns.invalid-record', { 'x.lan': { A: '10.0.0' } }],
    ['dns.invalid-record', { 'x.lan': { AAAA: ['fd00::1', '10.0.0.1'] } }],
    ['dns.invalid-name', { 'x..lan': { A: '10.0.0.1' } }],
    ['dns.invalid-name', { [`${'x'.repeat(64)}.lan`]: { A: '10.0.0.1' } }],
    ['dns.invalid-name', { 'x.lan': { CNAME: 'y..lan' } }],
  ])('is refused with %s at once: %j', (code, zone) => {
    expect(() => records(zone)).toThrow(expect.objectContaining({ code }))
  })

  it('a long text becomes several strings', () => {
    const answer = ask({ 'x.lan': { TXT: 'a'.repeat(600) } }, 'x.lan', 'TXT')
    expect(answer).toMatchObject({ records: [{ data: ['a'.repeat(255), 'a'.repeat(255), 'a'.repeat(90)] }] })
  })
})
