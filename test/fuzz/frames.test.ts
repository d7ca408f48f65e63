import { FrameReader, parseFrame, stringListHeader, type FrameRefusal } from '@tunnel/edge/wire'
import { describe, expect, it } from 'vitest'
import { scaled } from '../support/scale.ts'
import { vectorFrames } from './support/frames.ts'
import { mutate } from './support/mutate.ts'
import { choose, createRandom, fuzzSeed, pick, randomBytes } from './support/random.ts'

describe('frames', () => {
  const rounds = scaled(1_000_000)

  it(`${rounds} random and mutated ones: nothing throws, nothing is kept that did not come`, () => {
    const random = createRandom(fuzzSeed)
    const refusals = new Map<FrameRefusal, number>()
    let frames = 0
    for (let round = 0; round < rounds; round += 1) {
      const bytes = random() < 0.1 ? randomBytes(random, pick(random, 64)) : mutate(choose(random, vectorFrames), random)
      const before = frames
      let refused = 0
      const reader = new FrameReader({
        frame: ({ headers, body }) => {
          frames += 1
          for (const id of headers.keys()) stringListHeader(headers, id)
          if (body.length > bytes.length) throw new Error('a body larger than its frame')
        },
        refused: (reason) => {
          refused += 1
          refusals.set(reason, (refusals.get(reason) ?? 0) + 1)
        },
      })
      const at = pick(random, bytes.length + 1)
      reader.push(bytes.subarray(0, at))
      reader.push(bytes.subarray(at))
      const isWhole = parseFrame(bytes) !== undefined
      if (refused > 1 || (isWhole && frames !== before + 1) || reader.pendingBytes > bytes.length) {
        expect.fail(`round ${round}; repeat with TUNNEL_FUZZ_SEED=${fuzzSeed} pnpm exec vitest run --project fuzz test/fuzz/frames.test.ts: ${Buffer.from(bytes).toString('hex')}`)
      }
    }
    // The damage reaches every kind of refusal, and some frames survive theirs.
    expect(refusals.size).toBeGreaterThanOrEqual(3)
    expect(frames).toBeGreaterThan(rounds / 20)
  })
})
