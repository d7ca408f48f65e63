import fc from 'fast-check'
import { expect, it } from 'vitest'
import { frameVectors, fromHex } from '../testing/vectors.ts'
import { FrameReader, type Frame } from '../wire.ts'
import { FrameWriter, messageBytes } from './frame-writer.ts'

function harness() {
  const writes: { bytes: Uint8Array; copy: Uint8Array; written: () => void }[] = []
  const scheduled: (() => void)[] = []
  let progress = 0
  const writer = new FrameWriter({
    sink: { write: (bytes, written) => writes.push({ bytes, copy: bytes.slice(), written }) },
    schedule: (call) => scheduled.push(call),
    progress: () => (progress += 1),
  })
  const turn = (): void => scheduled.splice(0).forEach((call) => call())
  return { writer, writes, scheduled, turn, progress: () => progress }
}

it('encodes the vectors', () => {
  for (const vector of frameVectors('edge-frames')) {
    const { writer, writes, turn } = harness()
    const headers = vector.headersAscending.map(({ id, valueHex }) => [id, fromHex(valueHex)] as const)
    writer.frame(vector.contentType, vector.sequence, headers, fromHex(vector.bodyHex))
    turn()
    expect(Buffer.from(writes[0]!.copy).toString('hex'), vector.name).toBe(vector.frameHex)
  }
})

it('writes once at the end of the turn, whatever was encoded', () => {
  const { writer, writes, scheduled, turn } = harness()
  for (let index = 0; index < 100; index += 1) writer.data(index, 1, 0, 10).fill(index)
  expect(writes).toHaveLength(0)
  expect(scheduled).toHaveLength(1)
  turn()
  expect(writes).toHaveLength(1)
})

it('counts what is unsent until the sink is done', () => {
  const { writer, writes, turn, progress } = harness()
  writer.data(1, 1, 0, 100)
  expect(writer.unsentBytes).toBe(132)
  turn()
  expect(writer.unsentBytes).toBe(132)
  writes[0]!.written()
  expect([writer.unsentBytes, progress()]).toEqual([0, 1])
})

it('never touches bytes that the sink still has, and loses none (property)', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('data' as const), size: fc.oneof(fc.nat(200), fc.nat(messageBytes), fc.constant(300_000)) }),
    fc.record({ kind: fc.constant('turn' as const), size: fc.constant(0) }),
    fc.record({ kind: fc.constant('written' as const), size: fc.nat(3) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { writer, writes, turn } = harness()
      const frames: Frame[] = []
      const reader = new FrameReader({ frame: (frame) => frames.push({ ...frame, body: frame.body.slice() }), refused: (reason) => { throw new Error(reason) } })
      const take = (): void => {
        const write = writes.shift()
        if (write === undefined) return
        expect(Buffer.compare(write.bytes, write.copy)).toBe(0)
        reader.push(write.copy)
        write.written()
      }
      let sent = 0
      for (const { kind, size } of steps) {
        if (kind === 'data') {
          writer.data(sent, 7, 0, size).fill(sent % 251)
          sent += 1
        } else if (kind === 'turn') turn()
        else for (let count = 0; count < size; count += 1) take()
      }
      turn()
      while (writes.length > 0) take()
      expect(frames.map(({ sequence }) => sequence)).toEqual(Array.from({ length: sent }, (_, index) => index))
      expect(frames.every(({ sequence, body }) => body.every((byte) => byte === sequence % 251))).toBe(true)
      expect(writer.unsentBytes).toBe(0)
    }),
    { numRuns: 60 },
  )
})
