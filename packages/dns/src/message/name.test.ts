import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader } from './byte-reader.ts'
import { encodeName } from './name.ts'

const bytes = (...parts: (number | string)[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...Buffer.from(part)])))
const read = (message: Uint8Array, at = 0): string | undefined => {
  const reader = new ByteReader(message, at)
  const name = reader.name()
  return reader.failed ? undefined : name
}

describe('names in messages (RFC 1035 3.1, 4.1.4)', () => {
  it('are labels up to the root', () => {
    expect(read(bytes(2, 'db', 3, 'lan', 0))).toBe('db.lan')
    expect(read(bytes(0))).toBe('')
  })

  it('may end in a pointer to a name of before', () => {
    const message = bytes(3, 'lan', 0, 2, 'db', 0xc0, 0, 0xff)
    const reader = new ByteReader(message, 5)
    expect(reader.name()).toBe('db.lan')
    expect(reader.at).toBe(10)
  })

  it.each([
    ['to itself', bytes(0xc0, 0), 0],
    ['forward', bytes(0xc0, 2, 0), 0],
    ['in a circle', bytes(1, 'a', 0xc0, 4, 1, 'b', 0xc0, 0), 4],
    ['back into its own labels', bytes(1, 'a', 1, 'b', 0xc0, 0), 0],
    ['without its second byte', bytes(1, 'a', 0xc0), 0],
    ['behind the end', bytes(1, 'a', 0xff, 0xff), 0],
  ])('are refused with a pointer %s', (_, message, at) => {
    expect(read(message, at)).toBeUndefined()
  })

  it('may have 255 bytes and no more, pointers or not', () => {
    const label = (length: number): (number | string)[] => [length, 'x'.repeat(length)]
    const longest = bytes(...label(63), ...label(63), ...label(63), ...label(61), 0)
    expect(longest.length).toBe(255)
    expect(read(longest)?.length).toBe(253)
    expect(read(bytes(...label(63), ...label(63), ...label(63), ...label(62), 0))).toBeUndefined()
    expect(read(bytes(...longest, 1, 'y', 0xc0, 0), 255)).toBeUndefined()
  })

  it.each([0x40, 0x80])('have no labels of type %i (RFC 6891 5)', (type) => {
    expect(read(bytes(type | 1, 'a', 0))).toBeUndefined()
  })

  it('follow a chain of pointers only as far as a name may reach', () => {
    const chain = [...bytes(0)]
    for (let at = 1; at < 400; at += 2) chain.push(0xc0 | ((at - 2) >> 8), Math.max(at - 2, 0) & 0xff)
    const reader = new ByteReader(Uint8Array.from(chain), 399)
    reader.name()
    expect(reader.failed).toBe(true)
    expect(reader.steps).toBeLessThan(130)
  })

  // Who takes the dot in a label for a border lets an answer for one name pass for another's.
  it('tell a dot in a label from a border of labels (RFC 1035 5.1)', () => {
    expect(read(bytes(6, 'db.lan', 0))).toBe('db\\.lan')
    expect(read(bytes(4, 'a\\ b', 0))).toBe('a\\\\\\032b')
    expect(read(bytes(1, 0, 1, 255, 0))).toBe('\\000.\\255')
  })
})

describe('encodeName', () => {
  it('writes what is read back the same, whatever the bytes', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 20 })
    fc.assert(fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const wire = Uint8Array.from([...labels.flatMap((part) => [part.length, ...part]), 0])
      expect([...encodeName(read(wire)!)]).toEqual([...wire])
    }))
  })

  it('takes a final dot, and the root', () => {
    expect(encodeName('db.lan.')).toEqual(encodeName('db.lan'))
    expect([...encodeName('.')]).toEqual([0])
    expect([...encodeName('')]).toEqual([0])
    expect([...encodeName('a\\.')]).toEqual([2, 0x61, 0x2e, 0])
  })

  it.each(['a..b', '.a', 'a..', 'x'.repeat(64), `${'x'.repeat(50)}.`.repeat(6), '\\999', 'a\\'])('throws dns.invalid-name for %j', (name) => {
    expect(() => encodeName(name)).toThrow(expect.objectContaining({ code: 'dns.invalid-name' }))
  })
})
