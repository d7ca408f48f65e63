import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frameVectors, fromHex, readVectors, toHex, type FrameVector } from '../testing/vectors.ts'
import { FrameReader } from './frame-reader.ts'
import { encodeFrame, frameHeadBytes, helloFrameLimits, parseFrame, parseFrameHead, parseHeaders, replyFor, type Frame, type FrameRefusal } from './frame.ts'

const files = ['channel-frames', 'edge-frames', 'xgress-frames', 'legacy-encrypted-session']
const all = files.flatMap((file) => frameVectors(file).map((vector) => [`${file}: ${vector.name}`, vector] as const))

const plain = (frame: Frame) => ({
  contentType: frame.contentType,
  sequence: frame.sequence,
  headersAscending: [...frame.headers].toSorted(([a], [b]) => a - b).map(([id, value]) => ({ id, valueHex: toHex(value) })),
  bodyHex: toHex(frame.body),
})
const expected = ({ contentType, sequence, headersAscending, bodyHex }: FrameVector) => ({ contentType, sequence, headersAscending, bodyHex })
const encode = (vector: FrameVector, order = (headers: FrameVector['headersAscending']) => [...headers]) =>
  encodeFrame({
    contentType: vector.contentType,
    sequence: vector.sequence,
    headers: order(vector.headersAscending).map(({ id, valueHex }) => [id, fromHex(valueHex)] as const),
    body: fromHex(vector.bodyHex),
  })

/** Everything that a reader made of the pieces, copied: frames are borrowed. */
function read(pieces: readonly Uint8Array[]) {
  const frames: ReturnType<typeof plain>[] = []
  const refusals: FrameRefusal[] = []
  const reader = new FrameReader({ frame: (frame) => frames.push(plain(frame)), refused: (reason) => refusals.push(reason) })
  for (const piece of pieces) reader.push(piece)
  return { frames, refusals, pendingBytes: reader.pendingBytes }
}

describe('golden frames', () => {
  it('are all here', () => expect(all.length).toBe(56))

  it.each(all)('%s decodes to its fields', (_, vector) => {
    const bytes = fromHex(vector.frameHex)
    expect(bytes.length).toBe(vector.frameLength)
    const frame = parseFrame(bytes)
    expect(frame && plain(frame)).toEqual(expected(vector))
    expect(frame && replyFor(frame.headers)).toBe(vector.replyFor === -1 ? undefined : vector.replyFor)
  })

  it.each(all)('%s encodes to its bytes', (_, vector) => expect(toHex(encode(vector))).toBe(vector.frameHex))

  it.each(all)('%s decodes with its headers in any other order', (_, vector) => {
    const frame = parseFrame(encode(vector, (headers) => headers.toReversed()))
    expect(frame && plain(frame)).toEqual(expected(vector))
  })

  it('decode one after the other at every split of the stream', () => {
    const stream = Buffer.concat(all.slice(0, 6).map(([, vector]) => fromHex(vector.frameHex)))
    const want = all.slice(0, 6).map(([, vector]) => expected(vector))
    for (let at = 0; at <= stream.length; at += 1) {
      expect(read([stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toEqual({ frames: want, refusals: [], pendingBytes: 0 })
    }
  })

  it('decode in random pieces', () => {
    const stream = Buffer.concat(all.map(([, vector]) => fromHex(vector.frameHex)))
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (sizes) => {
      const pieces: Uint8Array[] = []
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1
        pieces.push(stream.subarray(at, at + size))
        at += size
      }
      expect(read(pieces).frames).toEqual(all.map(([, vector]) => expected(vector)))
    }))
  })
})

describe('frame reader', () => {
  it('takes a body larger than its slab', () => {
    const body = new Uint8Array(1_000_003).map((_, index) => index)
    const { frames } = read([encodeFrame({ contentType: 1, sequence: 1, body }), encodeFrame({ contentType: 2, sequence: 2 })])
    expect(frames.map(({ contentType, bodyHex }) => [contentType, bodyHex.length / 2])).toEqual([[1, body.length], [2, 0]])
    expect(frames[0]?.bodyHex).toBe(toHex(body))
  })

  it('is read into directly: what is announced by filled() counts', () => {
    const sequences: number[] = []
    const reader = new FrameReader({ frame: ({ sequence }) => sequences.push(sequence), refused: expect.fail })
    for (let sequence = 0; sequence < 5000; sequence += 1) {
      const bytes = encodeFrame({ contentType: 60_786, sequence, body: new Uint8Array(sequence % 300) })
      const tail = reader.tail()
      expect(tail.length).toBeGreaterThanOrEqual(bytes.length)
      tail.set(bytes)
      reader.filled(bytes.length)
    }
    expect(sequences).toEqual(Array.from({ length: 5000 }, (_, index) => index))
  })

  it('always has room for a read, also after a refusal: Node reads into an empty buffer for ever', () => {
    const reader = new FrameReader({ frame: () => expect.fail(), refused: () => {} })
    for (let reads = 0; reads < 100; reads += 1) {
      const tail = reader.tail()
      expect(tail.length).toBeGreaterThan(0)
      reader.filled(Math.min(tail.fill(0xff).length, 16 * 1024))
    }
  })

  it.each([
    ['frame.magic', 'ffffffff'],
    ['frame.unsupported-version', readVectors<{ unknownVersionResponseHex: string }>('channel-frames').unknownVersionResponseHex],
    ['frame.oversize', '0306090c 00000000 00000000 ffffffff 00000000'],
    ['frame.oversize', '0306090c 00000000 00000000 00000000 01000001'],
    ['frame.header-malformed', '0306090c 00000000 00000000 07000000 00000000 01000000000000'],
    ['frame.header-malformed', '0306090c 00000000 00000000 08000000 00000000 0100000001000000'],
  ])('refuses once and for all: %s', (reason, hex) => {
    const bytes = Buffer.alloc(frameHeadBytes)
    const start = fromHex(hex.replaceAll(' ', ''))
    const input = start.length < frameHeadBytes ? (bytes.set(start), bytes) : start
    const { frames, refusals } = read([input, encodeFrame({ contentType: 1, sequence: 1 })])
    expect({ frames, refusals }).toEqual({ frames: [], refusals: [reason] })
  })

  it('holds a hello to the limits of a router', () => {
    const hello = encodeFrame({ contentType: 0, sequence: -1, headers: [[1002, new Uint8Array(16_380)]] })
    expect(parseFrame(hello)).toBeDefined()
    expect(parseFrame(hello, helloFrameLimits)).toBeUndefined()
  })
})

describe('hostile bytes', () => {
  it('never throw, and no frame outlives the bytes that came', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
      const { frames, refusals } = read(pieces)
      expect(frames.length).toBeLessThanOrEqual(pieces.reduce((sum, piece) => sum + piece.length, 0) / frameHeadBytes)
      expect(refusals.length).toBeLessThanOrEqual(1)
    }))
  })

  it('what is parsed is what was encoded', () => {
    const header = fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.uint8Array({ maxLength: 40 }))
    fc.assert(fc.property(fc.integer(), fc.integer(), fc.uniqueArray(header, { selector: ([id]) => id }), fc.uint8Array(), (contentType, sequence, headers, body) => {
      const frame = parseFrame(encodeFrame({ contentType, sequence, headers, body }))
      expect(frame && { contentType: frame.contentType, sequence: frame.sequence }).toEqual({ contentType, sequence })
      expect(new Map(frame?.headers)).toEqual(new Map(headers))
      expect(frame?.body).toEqual(body)
    }))
  })

  it('of equal header ids the last wins', () => {
    const frame = parseFrame(encodeFrame({ contentType: 0, sequence: 0, headers: [[7, Uint8Array.of(1)], [7, Uint8Array.of(2)]] }))
    expect(frame?.headers.get(7)).toEqual(Uint8Array.of(2))
  })

  it('heads and headers parse or refuse', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      const head = parseFrameHead(new DataView(bytes.buffer, bytes.byteOffset), 0)
      expect(['head', 'refused']).toContain(head.kind)
    }))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const headers = parseHeaders(bytes)
      const total = [...(headers?.values() ?? [])].reduce((sum, value) => sum + value.length, 0)
      expect(total).toBeLessThanOrEqual(bytes.length)
    }))
  })
})
