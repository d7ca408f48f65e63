import { PassThrough } from 'node:stream'
import { ContentType } from '@tunnel/edge/wire'
import { expect, it } from 'vitest'
import { FrameWriter } from './frame-writer.ts'

it('keeps the order of delayed frames, whichever timer rings first', () => {
  const rings: (() => void)[] = []
  const clock = { now: () => 0, after: (_delay: number, call: () => void) => (rings.push(call), () => true) }
  const stream = new PassThrough()
  const writer = new FrameWriter({ stream, clock, drained: () => {} })
  const says = (): number => {
    const sequence = writer.control(ContentType.Latency, [])
    writer.flush()
    return sequence
  }
  writer.delay(20)
  const first = says()
  writer.delay(0)
  const second = says()
  for (const ring of rings.toReversed()) ring()
  const bytes = stream.read() as Buffer
  // The sequence is the third word of a frame.
  expect([bytes.readInt32LE(8), bytes.readInt32LE(bytes.length / 2 + 8)]).toEqual([first, second])
})
