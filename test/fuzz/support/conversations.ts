import { inspect } from 'node:util'
import { performance } from 'node:perf_hooks'
import { expect, it } from 'vitest'
import { usedMebibytes } from './heap.ts'
import { createRandom, fuzzSeed, type Random } from './random.ts'
import type { Tally } from './tally.ts'

/** One round only: what a failing run says. */
const onlyRound = process.env['TUNNEL_FUZZ_ROUND']
/** Whether all rounds are run: only then can a test say what they must have reached. */
export const isWhole = onlyRound === undefined
/** Nothing here waits for real time: a round that takes so long hangs. */
const longestRound = 20_000

export interface ConversationsOptions {
  /** Path of the test file, for the command that repeats a failure. */
  readonly file: string
  readonly rounds: number
  /** Throws what it finds. Virtual time only. */
  readonly converse: (random: Random, round: number) => void | Promise<void>
}

/** Rounds with a random of their own each, so that a failing one is repeated alone. Errors that nobody catches count too. */
export async function converseAll({ file, rounds, converse }: ConversationsOptions): Promise<void> {
  const [first, end] = onlyRound === undefined ? [0, rounds] : [Number(onlyRound), Number(onlyRound) + 1]
  let escaped: unknown
  const escape = (error: unknown): void => void (escaped ??= error)
  process.on('uncaughtException', escape).on('unhandledRejection', escape)
  try {
    for (let round = first; round < end; round += 1) {
      const started = performance.now()
      try {
        await converse(createRandom(Math.imul(fuzzSeed ^ round, 0x9e_37_79_b1) + round), round)
        await new Promise((resolve) => setImmediate(resolve))
      } catch (error) {
        escaped ??= error
      }
      if (performance.now() - started > longestRound) escaped ??= new Error('it hangs')
      if (escaped !== undefined) throw failure(file, round, escaped)
    }
  } finally {
    process.off('uncaughtException', escape).off('unhandledRejection', escape)
  }
}

/** The tests of a program at the mercy of others: many rounds, of which those of `reached` must have come across, and that nothing stays in memory. */
export function itEndures(options: ConversationsOptions, tally: Tally, reached: readonly string[]): void {
  it(`${options.rounds} conversations: nothing escapes, hangs or stays behind`, async () => {
    await converseAll(options)
    if (isWhole) expect(tally.names).toEqual(expect.arrayContaining([...reached]))
  }, 900_000)

  it('1000 conversations leave no memory behind', async () => {
    const some = { ...options, rounds: 200 }
    await converseAll(some)
    const before = await usedMebibytes()
    await converseAll({ ...some, rounds: 1000 })
    expect((await usedMebibytes()) - before).toBeLessThan(8)
  }, 120_000)
}

function failure(file: string, round: number, cause: unknown): Error {
  const command = `TUNNEL_FUZZ_SEED=${fuzzSeed} TUNNEL_FUZZ_ROUND=${round} pnpm exec vitest run --project fuzz ${file}`
  return new Error(`seed ${fuzzSeed}, round ${round}; repeat it with: ${command}\n${inspect(cause)}`)
}
