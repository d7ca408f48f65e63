import { decode, encode, type Packet } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipv6Text } from '../message/address.ts'
import type { Asked } from '../message/asked.ts'
import { parseMessage } from '../message/message.ts'
import { QueryReader, type Query } from '../message/query-reader.ts'
import { encodeQuery, type QueryOptions } from '../message/query.ts'
import type { DnsRecord } from '../message/record.ts'
import type { Answer } from '../resolve/resolver.ts'
import { ResponseWriter } from './response-writer.ts'

const queryOf = (name: string, type: string, options: Partial<QueryOptions> = {}): Query & { readonly asked: Asked } => {
  const reader = new QueryReader()
  expect(reader.read(encodeQuery({ name, type }, { id: 77, ...options }))).toBeUndefined()
  return reader as Query & { readonly asked: Asked }
}
const write = (query: Query & { readonly asked: Asked }, answer: Exclude<Answer, 'DROP'>, limit = 65_535): Buffer => Buffer.from(new ResponseWriter().write(query, answer, limit)!)

const everyType: readonly DnsRecord[] = [
  { name: 'x.lan', type: 'A', ttl: 60, data: '10.0.0.5' },
  { name: 'x.lan', type: 'AAAA', ttl: 60, data: '2001:db8::5' },
  { name: 'a.x.lan', type: 'CNAME', ttl: 1, data: 'x.lan' },
  { name: 'd.lan', type: 'DNAME', ttl: 1, data: 'x.lan' },
  { name: 'lan', type: 'NS', ttl: 1, data: 'ns.lan' },
  { name: '5.0.0.10.in-addr.arpa', type: 'PTR', ttl: 1, data: 'x.lan' },
  { name: 'x.lan', type: 'TXT', ttl: 1, data: ['one', 'zwei ü', Uint8Array.from([0xff, 0])] },
  { name: 'x.lan', type: 'MX', ttl: 1, data: { preference: 10, exchange: 'mail.x.lan' } },
  { name: '_sip._tcp.x.lan', type: 'SRV', ttl: 1, data: { priority: 1, weight: 2, port: 5060, target: 'sip.x.lan' } },
  { name: 'lan', type: 'SOA', ttl: 1, data: { mname: 'ns.lan', rname: 'root\\.er.lan', serial: 4_000_000_000, refresh: 1, retry: 2, expire: 3, minimum: 4 } },
  { name: 'x.lan', type: 'CAA', ttl: 1, data: { flags: 0, tag: 'issue', value: 'ca.example' } },
  { name: 'x.lan', type: 'DS', ttl: 1, data: { keyTag: 1, algorithm: 13, digestType: 2, digest: Uint8Array.from([1, 2, 3]) } },
  { name: 'x.lan', type: 'HINFO', ttl: 1, data: { cpu: 'RFC8482', os: '' } },
  { name: 'x.lan', type: 'NAPTR', ttl: 1, data: { order: 1, preference: 2, flags: 'u', services: 'E2U+sip', regexp: '!^.*$!sip:x!', replacement: 'x.lan' } },
  { name: 'x.lan', type: 'SSHFP', ttl: 1, data: { algorithm: 4, hash: 2, fingerprint: 'AB'.repeat(32) } },
  { name: 'x.lan', type: 'TLSA', ttl: 1, data: { usage: 3, selector: 1, matchingType: 1, certificate: Uint8Array.from([9, 9]) } },
  { name: 'x.lan', type: 'TYPE65', ttl: 1, data: Uint8Array.from([0, 1, 0]) },
  { name: 'x.lan', type: 'CERT', ttl: 1, data: Uint8Array.from([1, 2, 3, 4]) },
]

function bytesAsArrays<T>(value: T): T {
  if (value instanceof Uint8Array) return Array.from(value) as T
  if (Array.isArray(value)) return value.map(bytesAsArrays) as T
  return typeof value === 'object' && value !== null ? (Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bytesAsArrays(inner)])) as T) : value
}

describe('ResponseWriter', () => {
  it('repeats the question with the client\'s letters, id and RD bit (RFC 1035 4.1.1; 0x20)', () => {
    const response = write(queryOf('Db.LAN', 'A'), { records: [{ name: 'db.lan', type: 'A', ttl: 60, data: '10.0.0.5' }], authoritative: true })
    expect(decode(response)).toMatchObject({
      id: 77, type: 'response', rcode: 'NOERROR', flag_aa: true, flag_rd: true, flag_ra: true, flag_tc: false, flag_ad: false, flag_z: false,
      questions: [{ name: 'Db.LAN', type: 'A', class: 'IN' }],
      answers: [{ name: 'Db.LAN', type: 'A', ttl: 60, data: '10.0.0.5' }],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0 }],
    })
  })

  it('has an OPT record only for those who sent one, with their DO bit (RFC 6891 6.1.1, RFC 3225)', () => {
    expect(decode(write(queryOf('x', 'A', { udpBytes: false }), 'NXDOMAIN')).additionals).toEqual([])
    expect(decode(write(queryOf('x', 'A', { dnssecOk: true }), 'NXDOMAIN')).additionals).toMatchObject([{ flag_do: true }])
  })

  it.each([['NXDOMAIN', 'NXDOMAIN'], ['NODATA', 'NOERROR'], ['REFUSED', 'REFUSED'], ['SERVFAIL', 'SERVFAIL']] as const)('%s -> %s', (word, rcode) => {
    expect(decode(write(queryOf('x', 'A'), word))).toMatchObject({ rcode, answers: [], questions: [{ name: 'x' }] })
  })

  it('writes every type so that it is read back, by us and, where it knows the type, by dns-packet', () => {
    const response = write(queryOf('x.lan', 'ANY'), { records: everyType, authority: everyType.slice(0, 1), additional: everyType.slice(1, 2) })
    const read = parseMessage(response)!
    expect(bytesAsArrays(read.answers)).toMatchObject(bytesAsArrays(everyType))
    expect(read.authority).toMatchObject([{ type: 'A' }])
    expect(read.additional).toMatchObject([{ type: 'AAAA' }])
    const witness = decode(response)
    expect(witness.answers?.map(({ name, type }) => [name, type])).toEqual(everyType.map(({ name, type }) => [name, type === 'TYPE65' ? 'UNKNOWN_65' : type]))
    expect(witness.answers?.[8]).toMatchObject({ data: { target: 'sip.x.lan', port: 5060 } })
    expect(witness.answers?.[9]).toMatchObject({ data: { serial: 4_000_000_000, minimum: 4, mname: 'ns.lan' } })
  })

  it('compresses names in the types of RFC 1035 and no others (RFC 3597 4)', () => {
    const query = queryOf('x.lan', 'MX', { udpBytes: false })
    const size = (record: DnsRecord): number => write(query, { records: [record] }).length - write(query, 'NODATA').length
    expect(size({ type: 'MX', ttl: 1, data: { preference: 1, exchange: 'x.lan' } })).toBe(12 + 2 + 2)
    expect(size({ type: 'SRV', ttl: 1, data: { priority: 1, weight: 1, port: 1, target: 'x.lan' } })).toBe(12 + 6 + 7)
    expect(size({ name: 'a.x.lan', type: 'CNAME', ttl: 1, data: 'b.a.x.lan' })).toBe(4 + 10 + 4)
  })

  it.each([
    ['dns.invalid-record', { type: 'A', ttl: 1, data: '10.0.0' }],
    ['dns.invalid-record', { type: 'A', ttl: 1, data: '10.0.0.256' }],
    ['dns.invalid-record', { type: 'A', ttl: 1, data: '010.0.0.1' }],
    ['dns.invalid-record', { type: 'AAAA', ttl: 1, data: '1::2::3' }],
    ['dns.invalid-record', { type: 'TXT', ttl: 1, data: ['x'.repeat(256)] }],
    ['dns.invalid-record', { type: 'TXT', ttl: 1, data: [] }],
    ['dns.invalid-record', { type: 'CAA', ttl: 1, data: {} as never }],
    ['dns.invalid-name', { type: 'CNAME', ttl: 1, data: 'a..b' }],
    ['dns.invalid-type', { type: 'NOTYPE' as never, ttl: 1, data: Uint8Array.of(1) as never }],
  ] as const)('throws %s for %j', (code, record) => {
    expect(() => write(queryOf('x', 'A'), { records: [record as DnsRecord] })).toThrow(expect.objectContaining({ code }))
  })

  it('writes the same answer again from memory, and a changed one anew', () => {
    const writer = new ResponseWriter()
    const query = queryOf('x', 'A')
    const first = { records: [{ type: 'A', ttl: 5, data: '10.0.0.1' }] } as const
    const written = (answer: Exclude<Answer, 'DROP'>): string => Buffer.from(writer.write(query, answer, 512)!).toString('hex')
    const hex = written(first)
    expect(written(first)).toBe(hex)
    expect(decode(Buffer.from(written({ records: [{ type: 'A', ttl: 5, data: '10.0.0.2' }], rcode: 'NXDOMAIN' }), 'hex'))).toMatchObject({ rcode: 'NXDOMAIN', answers: [{ data: '10.0.0.2' }] })
    expect(written(first)).toBe(hex)
  })
})

describe('truncation (RFC 1035 4.1.1, RFC 2181 9)', () => {
  const records = Array.from({ length: 100 }, (_, index): DnsRecord => ({ type: 'A', ttl: 1, data: `10.0.0.${index}` }))

  it.each([512, 513, 527, 528, 600, 1232])('leaves whole records that fit into %i bytes, and says so', (limit) => {
    const response = write(queryOf('x.lan', 'A'), { records }, limit)
    const { flag_tc, answers, additionals } = decode(response) as Packet & { flag_tc: boolean }
    expect(flag_tc).toBe(true)
    expect(answers).toHaveLength(Math.floor((limit - 12 - 11 - 11) / 16))
    expect(additionals).toMatchObject([{ type: 'OPT' }])
    expect(response.length).toBeLessThanOrEqual(limit)
  })

  it('is none when only additional records are left out', () => {
    const response = write(queryOf('x.lan', 'A'), { records: records.slice(0, 10), additional: records }, 512)
    expect(decode(response)).toMatchObject({ flag_tc: false, answers: { length: 10 } })
  })

  it('is of upstream messages too', () => {
    const raw = encode({ id: 1, type: 'response', flags: 0x0180, questions: [{ name: 'x.lan', type: 'A', class: 'IN' }], answers: records.map((record) => ({ ...record, name: 'x.lan' })) } as Packet)
    expect(decode(write(queryOf('x.lan', 'A'), { raw }, 512))).toMatchObject({ flag_tc: true, answers: { length: 22 } })
    expect(decode(write(queryOf('x.lan', 'A'), { raw }))).toMatchObject({ flag_tc: false, answers: { length: 100 } })
  })
})

describe('answers of other servers', () => {
  const packet = (over: object = {}): Buffer => encode({
    id: 4242, type: 'response', flags: 0x05a0, questions: [{ name: 'www.lan', type: 'A', class: 'IN' }],
    answers: [{ name: 'www.lan', type: 'CNAME', ttl: 9, data: 'web.lan' }, { name: 'web.lan', type: 'A', ttl: 9, data: '10.1.1.1' }],
    additionals: [{ name: '.', type: 'OPT', udpPayloadSize: 4096, extendedRcode: 0, ednsVersion: 0, flags: 0x8000, flag_do: true, options: [{ code: 10, data: Buffer.from('cookie!!') }] }],
    ...over,
  } as unknown as Packet)

  it('are passed on with the client\'s id, letters and OPT record, without AA and AD', () => {
    const response = decode(write(queryOf('wWw.LaN', 'A'), { raw: packet() }))
    expect(response).toMatchObject({
      id: 77, flag_aa: false, flag_ad: false, flag_ra: true, flag_rd: true,
      questions: [{ name: 'wWw.LaN' }], answers: [{ type: 'CNAME', data: 'web.lan' }, { name: 'web.lan', data: '10.1.1.1' }], additionals: [{ udpPayloadSize: 1232, flag_do: false, options: [] }],
    })
    expect(decode(write(queryOf('www.lan', 'A', { udpBytes: false }), { raw: packet() })).additionals).toEqual([])
  })

  it('may have their OPT record anywhere among the additional ones', () => {
    const [opt] = decode(packet()).additionals ?? []
    const raw = packet({ additionals: [opt, { name: 'web.lan', type: 'AAAA', ttl: 9, data: '2001:db8::1' }] })
    expect(decode(write(queryOf('www.lan', 'A'), { raw }))).toMatchObject({ answers: { length: 2 }, additionals: [{ type: 'AAAA', data: '2001:db8::1' }, { type: 'OPT', udpPayloadSize: 1232 }] })
  })

  it.each([
    ['another name', packet({ questions: [{ name: 'wwx.lan', type: 'A', class: 'IN' }] })],
    ['another type', packet({ questions: [{ name: 'www.lan', type: 'AAAA', class: 'IN' }] })],
    ['no question', packet({ questions: [] })],
    ['a query', packet({ type: 'query' })],
    ['half a message', packet().subarray(0, 40)],
  ])('are none with %s', (_, raw) => {
    expect(new ResponseWriter().write(queryOf('www.lan', 'A'), { raw }, 512)).toBeUndefined()
  })
})

describe('ResponseWriter beside dns-packet', () => {
  const label = fc.string({ unit: fc.constantFrom(...'abcxyzXYZ019-_'), minLength: 1, maxLength: 15 })
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
  const record = fc.oneof(
    fc.record({ name, type: fc.constant('A' as const), ttl: fc.nat(0x7fff_ffff), data: fc.ipV4() }),
    fc.record({ name, type: fc.constant('AAAA' as const), ttl: fc.nat(0x7fff_ffff), data: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6Text) }),
    fc.record({ name, type: fc.constantFrom('PTR' as const, 'CNAME' as const), ttl: fc.nat(0x7fff_ffff), data: name }),
  )

  it('means the same', () => {
    fc.assert(fc.property(name, fc.constantFrom('A', 'AAAA', 'PTR'), fc.boolean(), fc.array(record, { maxLength: 6 }), fc.boolean(), (asked, type, edns, records, authoritative) => {
      const query = queryOf(asked, type, { udpBytes: edns ? 1232 : false })
      const ours = decode(write(query, { records, authoritative }))
      const witness = decode(encode({
        id: 77, type: 'response', flags: 0x0180 | (authoritative ? 0x0400 : 0), questions: [{ name: asked, type: type as 'A', class: 'IN' }], answers: records,
        additionals: edns ? [{ name: '.', type: 'OPT', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }] : [],
      } as Packet))
      // An owner is the question's name when only letters' case differs; then the client's letters count.
      const isAsked = (owner: string): boolean => owner.toLowerCase() === asked.toLowerCase()
      expect(ours).toEqual({ ...witness, answers: witness.answers?.map((answer) => (isAsked(answer.name) ? { ...answer, name: asked } : answer)) })
    }), { numRuns: 500 })
  })
})
