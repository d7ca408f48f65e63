import { describe, expect, it } from 'vitest'
import { MultipartBatch, parseMultipart } from './multipart.ts'

describe('multipart bodies (protocol section 4.5)', () => {
  it('come apart as they were put together', () => {
    const batch = new MultipartBatch(64)
    const parts = [Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)]
    for (const part of parts) expect(batch.add(part)).toBe(true)
    const { body, multipart } = batch.take()
    expect(multipart).toBe(true)
    expect(parseMultipart(body)).toEqual(parts)
  })

  it('that are cut are malformed', () => {
    for (const body of [[1], [2, 0, 0x61], [0, 0, 9]]) expect(parseMultipart(Uint8Array.from(body))).toBeUndefined()
  })

  it('of millions of parts are malformed: no list of them is made', () => {
    expect(parseMultipart(new Uint8Array(2 * 65_536))).toHaveLength(65_536)
    expect(parseMultipart(new Uint8Array(16 * 2 ** 20))).toBeUndefined()
  })
})
