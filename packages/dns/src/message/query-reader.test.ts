import { decode, encode, type Packet } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QueryReader } from './query-reader.ts'
import { encodeQuery } from './query.ts'

const header = (fields: { flags?: number; questions?: number; answers?: number; authority?: number; additional?: number }): number[] => {
  const { flags = 0x0100, questions = 1, answers = 0, authority = 0, additional = 0 } = fields
  return [0x12, 0x34, flags >> 8, flags & 0xff, 0, questions, 0, answers, 0, authority, 0, additional]
}
const question = [2, 0x64, 0x62, 3, 0x6c, 0x61, 0x6e, 0, 0, 1, 0, 1]
const opt = (over: { name?: number[]; size?: number; version?: number; data?: number[]; length?: number } = {}): number[] => {
  const { name = [0], size = 1232, version = 0, data = [], length = data.length } = over
  return [...name, 0, 41, size >> 8, size & 0xff, 0, version, 0, 0, length >> 8, length & 0xff, ...data]
}
const withType = (type: number, klass = 1): number[] => [...question.slice(0, 8), type >> 8, type & 0xff, klass >> 8, klass & 0xff]
const read = (...bytes: number[]): ReturnType<QueryReader['read']> => new QueryReader().read(Uint8Array.from(bytes))

describe('QueryReader', () => {
  it('reads a question and the client\'s EDNS0', () => {
    const reader = new QueryReader()
    expect(reader.read(encodeQuery({ name: 'Db.LAN', type: 'AAAA' }, { id: 7, udpBytes: 1400, dnssecOk: true }))).toBeUndefined()
    expect(reader).toMatchObject({ id: 7, edns: true, udpBytes: 1400, dnssecOk: true })
    expect(reader.asked?.question).toEqual({ name: 'Db.LAN', key: 'db.lan', type: 'AAAA', class: 'IN' })
    expect(reader.read(encodeQuery({ name: 'db.lan', type: 'TYPE65' }, { id: 8, udpBytes: false }))).toBeUndefined()
    expect(reader).toMatchObject({ id: 8, edns: false, udpBytes: 512, dnssecOk: false, asked: { question: { type: 'TYPE65' } } })
  })

  it('takes a size below 512 as 512 (RFC 6891 6.2.3)', () => {
    const reader = new QueryReader()
    reader.read(Uint8Array.from([...header({ additional: 1 }), ...question, ...opt({ size: 100 })]))
    expect(reader.udpBytes).toBe(512)
  })

  it('skips options that it does not know, and other additional records (RFC 6891 6.1.2)', () => {
    expect(read(...header({ additional: 1 }), ...question, ...opt({ data: [0, 10, 0, 2, 1, 2] }))).toBeUndefined()
    expect(read(...header({ additional: 2 }), ...question, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 1, 5, ...opt())).toBeUndefined()
  })

  it.each([
    ['short', undefined, [1, 2, 1, 0, 0, 1]],
    ['response', undefined, [...header({ flags: 0x8100 }), ...question]],
    ['opcode', 'NOTIMP', [...header({ flags: 0x2800 }), ...question]],
    ['no-question', 'FORMERR', header({ questions: 0 })],
    ['several-questions', 'FORMERR', [...header({ questions: 2 }), ...question, ...question]],
    ['records', 'FORMERR', [...header({ answers: 1 }), ...question, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]],
    ['records', 'FORMERR', [...header({ authority: 1 }), ...question, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]],
    ['records', 'FORMERR', [...header({ additional: 200 }), ...question]],
    ['pointer', 'FORMERR', [...header({}), 0xc0, 12, 0, 1, 0, 1]],
    ['label', 'FORMERR', [...header({}), 0x41, 0, 0, 1, 0, 1]],
    ['long-name', 'FORMERR', [...header({}), ...Array.from({ length: 128 }).flatMap(() => [1, 0x61]), 0, 0, 1, 0, 1]],
    ['truncated', 'FORMERR', [...header({}), 5, 0x61, 0x62]],
    ['truncated', 'FORMERR', [...header({}), ...question.slice(0, -1)]],
    ['bad-name', 'FORMERR', [...header({ additional: 1 }), ...question, 0xc0, 24, ...opt().slice(1)]],
    ['bad-name', 'FORMERR', [...header({ additional: 1 }), ...question]],
    ['truncated', 'FORMERR', [...header({ additional: 1 }), ...question, 0, 0, 41]],
    ['truncated', 'FORMERR', [...header({ additional: 1 }), ...question, ...opt({ length: 9 })]],
    ['trailing', 'FORMERR', [...header({}), ...question, 0]],
    ['bad-opt', 'FORMERR', [...header({ additional: 1 }), ...question, ...opt({ name: [1, 0x61, 0] })]],
    ['bad-opt', 'FORMERR', [...header({ additional: 2 }), ...question, ...opt(), ...opt()]],
    ['bad-opt', 'FORMERR', [...header({ additional: 1 }), ...question, ...opt({ data: [0, 10, 0, 9, 1] })]],
    ['bad-opt', 'FORMERR', [...header({ additional: 1 }), ...question, ...opt({ data: [0, 10, 0] })]],
    ['edns-version', 'BADVERS', [...header({ additional: 1 }), ...question, ...opt({ version: 1 })]],
    ['class', 'REFUSED', [...header({}), ...withType(16, 3)]],
    ['class', 'REFUSED', [...header({}), ...withType(1, 255)]],
    ['type', 'FORMERR', [...header({}), ...withType(0)]],
    ['type', 'FORMERR', [...header({}), ...withType(41)]],
    ['transfer', 'REFUSED', [...header({}), ...withType(252)]],
    ['meta-type', 'NOTIMP', [...header({}), ...withType(249)]],
  ] as const)('refuses: %s -> %s', (reason, rcode, bytes) => {
    const refusal = read(...bytes)
    expect(refusal).toMatchObject({ reason })
    expect(refusal?.rcode).toBe(rcode)
  })

  it('takes a name of 255 bytes', () => {
    const longest = Array.from({ length: 127 }).flatMap(() => [1, 0x61])
    expect(read(...header({}), ...longest, 0, 0, 1, 0, 1)).toBeUndefined()
  })

  it('gives the same question object for the same bytes, another for other letters', () => {
    const reader = new QueryReader()
    const ask = (name: string, id: number) => {
      expect(reader.read(encodeQuery({ name, type: 'A' }, { id }))).toBeUndefined()
      return reader.asked
    }
    const first = ask('db.lan', 1)
    expect(ask('db.lan', 2)).toBe(first)
    expect(ask('dB.lan', 3)?.question).toMatchObject({ name: 'dB.lan', key: 'db.lan' })
    for (let index = 0; index < 5000; index += 1) expect(ask(`host${index}.lan`, index)?.question.name).toBe(`host${index}.lan`)
  })
})

const labelText = fc.string({ unit: fc.constantFrom(...'abcXYZ059-_'), minLength: 1, maxLength: 12 })
const nameText = fc.array(labelText, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'))

describe('QueryReader beside dns-packet', () => {
  it('reads what dns-packet writes', () => {
    const reader = new QueryReader()
    const queries = fc.record({ id: fc.nat(65_535), name: nameText, type: fc.constantFrom('A', 'AAAA', 'PTR', 'TXT'), flags: fc.constantFrom(0, 0x0100, 0x0110), edns: fc.boolean(), size: fc.integer({ min: 512, max: 65_535 }) })
    fc.assert(fc.property(queries, ({ id, name, type, flags, edns, size }) => {
      const additionals = edns ? [{ name: '.', type: 'OPT', udpPayloadSize: size, extendedRcode: 0, ednsVersion: 0, flags: 0x8000, flag_do: true, options: [] }] : []
      const bytes = encode({ id, type: 'query', flags, questions: [{ name, type, class: 'IN' }], additionals } as unknown as Packet)
      expect(reader.read(bytes)).toBeUndefined()
      expect(reader).toMatchObject({ id, flags, edns, dnssecOk: edns, udpBytes: edns ? size : 512, asked: { question: { name, type, key: name.toLowerCase() } } })
    }))
  })

  it('takes nothing that dns-packet would read otherwise', () => {
    const reader = new QueryReader()
    const base = fc.record({ name: nameText, type: fc.constantFrom('A', 'AAAA', 'PTR') }).map(({ name, type }) => encodeQuery({ name, type }, { id: 1 }))
    const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 })
    let taken = 0
    fc.assert(fc.property(base, damage, (bytes, changes) => {
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      // Additional records other than OPT are skipped; dns-packet would read their data.
      if (reader.read(bytes) !== undefined || (bytes[11] === 1 && !reader.edns)) return
      taken += 1
      const { name } = reader.asked!.question
      const witness = decode(Buffer.from(bytes))
      expect(witness).toMatchObject({ id: reader.id, type: 'query', questions: [{ class: 'IN' }] })
      expect(witness.questions).toHaveLength(1)
      if (!name.includes('\\')) expect(witness.questions?.[0]?.name).toBe(name === '' ? '.' : name)
    }), { numRuns: 3000 })
    expect(taken).toBeGreaterThan(500)
  })
})
