import { describe, expect, it } from 'vitest'
import { HostileConversation } from '../../packages/netstack/src/tcp/testing/hostile-peer.ts'
import { scaled } from '../support/scale.ts'
import { createRandom, fuzzSeed } from './support/random.ts'

const stepsEach = 60
const states = ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT', 'CLOSED']

function converse(seed: number): HostileConversation {
  const conversation = new HostileConversation(createRandom(seed))
  for (let step = 0; step < stepsEach && conversation.violation === undefined; step += 1) conversation.step()
  if (conversation.violation === undefined) conversation.finish()
  return conversation
}

describe('a TCP connection and a hostile peer', () => {
  const count = scaled(1_000_000, 50_000)

  it(`hold ${count} conversations: bytes and windows stay true, answers few, memory bounded, the next wake ahead`, { timeout: 1_200_000 }, () => {
    const reached = new Set<string>()
    for (let round = 0; round < count; round += 1) {
      const seed = (fuzzSeed + round) >>> 0
      const again = `repeat with TUNNEL_FUZZ_SEED=${seed} pnpm exec vitest run --project fuzz test/fuzz/netstack-conversations.test.ts`
      try {
        const conversation = converse(seed)
        for (const state of conversation.states) reached.add(state)
        if (conversation.violation !== undefined) expect.fail(`${conversation.violation}\n${again}`)
      } catch (error) {
        throw new Error(again, { cause: error })
      }
    }
    expect(states.filter((state) => !reached.has(state))).toEqual([])
  })
})
