import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutToBytes, encodeComment, parseComment, printableComment } from './comment.ts'

describe('comments of nf_tables', () => {
  it('keep what nft can read again', () => {
    expect(printableComment('ssh-scarey ü')).toBe('ssh-scarey ü')
    expect(printableComment('a "b"\n\tc\0d')).toBe("a 'b' c d")
    expect(printableComment('\u{1f4a9}'.repeat(99))).toBe('\u{1f4a9}'.repeat(32))
  })

  it('come back as they were encoded, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        const encoded = encodeComment(text)
        expect(encoded.length).toBeLessThanOrEqual(256)
        expect(parseComment(encoded)).toBe(printableComment(text))
      }),
    )
  })

  it('are cut between characters', () => {
    expect(cutToBytes('aé', 2)).toBe('a')
    expect(cutToBytes('aé', 3)).toBe('aé')
  })

  it('are not read from lengths that lie', () => {
    expect(parseComment(Uint8Array.of(0, 9, 65))).toBeUndefined()
    expect(parseComment(Uint8Array.of(7, 1, 1, 0, 2, 65, 0))).toBe('A')
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseComment(bytes)))
  })
})
