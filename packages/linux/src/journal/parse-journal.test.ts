import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { currentInstance } from './instance.ts'
import { parseJournal } from './parse-journal.ts'
import { encodeRecord, journalVersion, parseRecord, type JournalRecord } from './record.ts'

const header: JournalRecord = { type: 'header', version: journalVersion, instance: currentInstance() }
const undo = (id: number, summary = `undo ${id}`): JournalRecord => ({ type: 'undo', id, undo: { kind: 'route.remove', summary, parameters: { id } } })
const bytesOf = (...records: JournalRecord[]): Buffer => Buffer.from(records.map(encodeRecord).join(''))

const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean())
const record = fc.oneof(
  fc.record({
    type: fc.constant('undo' as const),
    id: fc.nat(20),
    undo: fc.record({ kind: fc.string(), summary: fc.string({ unit: 'binary' }), parameters: fc.dictionary(fc.string(), scalar, { maxKeys: 4 }) }),
  }),
  fc.record({ type: fc.constant('undone' as const), ids: fc.array(fc.nat(20), { maxLength: 5 }) }),
)

describe('a journal', () => {
  it('tells what is still to be undone, in the order it was made', () => {
    const journal = parseJournal(bytesOf(header, undo(1), undo(2), undo(3), { type: 'undone', ids: [2] }))
    expect(journal.instance).toEqual(currentInstance())
    expect(journal.entries.map(({ id }) => id)).toEqual([1, 3])
    expect(journal.damage).toBeUndefined()
  })

  it('cut anywhere says what its whole lines say, without a complaint', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), fc.nat(), (records, at) => {
        const bytes = bytesOf(header, ...records)
        const cut = bytes.subarray(0, at % (bytes.length + 1))
        const wholeLines = cut.toString('latin1').split('\n').length - 1
        const expected = parseJournal(bytesOf(...[header, ...records].slice(0, wholeLines)))
        if (wholeLines > 0) expect(parseJournal(cut)).toEqual(expected)
        else expect(parseJournal(cut).entries).toEqual([])
        if (wholeLines > 0) expect(expected.damage).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('that was written over in one place is believed up to there, and no further', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (records, at, change) => {
        const whole = bytesOf(header, ...records)
        const place = at % whole.length
        const bytes = Buffer.from(whole)
        bytes[place] = bytes[place]! ^ change
        const linesBefore = whole.subarray(0, place).toString('latin1').split('\n').length - 1
        const before = parseJournal(bytesOf(...[header, ...records].slice(0, linesBefore)))
        expect(parseJournal(bytes).entries).toEqual(before.entries)
      }),
      { numRuns: 500 },
    )
  })

  it('of any bytes is parsed without a throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseJournal(bytes)), { numRuns: 500 })
    fc.assert(fc.property(fc.string(), (line) => void expect(parseRecord(line)).toBeUndefined()))
  })

  it.each([
    { type: 'undo', id: -1, undo: { kind: 'a', summary: 'b', parameters: {} } },
    { type: 'undo', id: 1, undo: { kind: 'a', summary: 'b', parameters: { nested: {} } } },
    { type: 'undo', id: 1, undo: { kind: 'a', summary: 'b', parameters: [1] } },
    { type: 'undone', ids: [1.5] },
    { type: 'header', version: 1 },
    { type: 'other' },
    [],
    null,
  ])('takes no record of another shape, even with a right check sum: %j', (value) => {
    expect(parseRecord(encodeRecord(value as unknown as JournalRecord).trimEnd())).toBeUndefined()
  })

  it.each([
    ['', undefined],
    ['hello\n', 'line 1 is damaged'],
    [encodeRecord(undo(1)), 'it has no header'],
    [encodeRecord(header) + encodeRecord(header), 'line 2 is a second header'],
    [`${encodeRecord(header)}\0\0\0\n`, 'line 2 is damaged'],
  ])('damage of example %#', (text, damage) => {
    expect(parseJournal(Buffer.from(text)).damage).toBe(damage)
  })

  it('of another version is not judged', () => {
    const newer = { ...header, version: 2, instance: { other: true } } as unknown as JournalRecord
    expect(parseJournal(bytesOf(newer, undo(1)))).toEqual({ entries: [], foreignVersion: 2 })
  })
})
