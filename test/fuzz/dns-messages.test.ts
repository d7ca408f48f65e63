import { parseMessage, parseOutline } from '@tunnel/dns/wire'
import { decode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../packages/dns/src/message/byte-reader.ts'
import { QueryReader } from '../../packages/dns/src/message/query-reader.ts'
import { scaled } from '../support/scale.ts'
import { dnsMessage } from './support/dns-messages.ts'
import { createRandom, fuzzSeed, pick } from './support/random.ts'

const repeat = (round: number, bytes: Uint8Array): string =>
  `round ${round}; repeat with TUNNEL_FUZZ_SEED=${fuzzSeed} pnpm exec vitest run --project fuzz test/fuzz/dns-messages.test.ts: ${Buffer.from(bytes).toString('hex')}`

describe('DNS messages', () => {
  const rounds = scaled(1_000_000)

  it(`${rounds} good, hostile and mutated ones: nothing throws, every parser ends after few steps`, () => {
    const random = createRandom(fuzzSeed)
    const queries = new QueryReader()
    const reasons = new Set<string>()
    let taken = 0
    let whole = 0
    for (let round = 0; round < rounds; round += 1) {
      const bytes = dnsMessage(random)
      const refusal = queries.read(bytes)
      // A byte at least for each step forward, and sixteen names that may have pointers.
      if (queries.steps > bytes.length + 16 * 260) expect.fail(`${queries.steps} steps, ${repeat(round, bytes)}`)
      if (refusal) reasons.add(refusal.reason)
      else taken += 1
      const name = new ByteReader(bytes, pick(random, bytes.length + 1))
      name.name()
      if (name.steps > 260) expect.fail(`${name.steps} steps for one name, ${repeat(round, bytes)}`)
      const outline = parseOutline(bytes)
      const message = parseMessage(bytes)
      if (outline && outline.steps > 256 + 8 * bytes.length) expect.fail(`${outline.steps} steps, ${repeat(round, bytes)}`)
      if (!refusal && !outline) expect.fail(`a query that is no message, ${repeat(round, bytes)}`)
      if (message) whole += 1
    }
    expect(taken).toBeGreaterThan(rounds / 10)
    expect(whole).toBeGreaterThan(rounds / 5)
    expect([...reasons].toSorted()).toEqual([
      'bad-name', 'bad-opt', 'class', 'edns-version', 'label', 'long-name', 'meta-type', 'no-question', 'opcode', 'pointer', 'records', 'response', 'several-questions', 'short', 'trailing', 'transfer', 'truncated', 'type',
    ])
  })

  it('what we take, dns-packet reads the same', () => {
    const random = createRandom(fuzzSeed ^ 1)
    const queries = new QueryReader()
    let compared = 0
    for (let round = 0; round < scaled(200_000); round += 1) {
      const bytes = dnsMessage(random)
      if (queries.read(bytes) || (bytes[11] !== 0 && !(queries.edns && bytes[11] === 1))) continue
      const { question } = queries.asked!
      if (question.name.includes('\\')) continue
      const witness = decode(Buffer.from(bytes))
      compared += 1
      const [asked] = witness.questions ?? []
      if (witness.id !== queries.id || asked?.name !== (question.name || '.') || witness.type !== 'query') expect.fail(repeat(round, bytes))
    }
    expect(compared).toBeGreaterThan(1000)
  })
})
