import { silentLog, type Endpoint } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import type { Answer, Resolver } from '@tunnel/dns'
import { parseOutline } from '@tunnel/dns/wire'
import { decode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { Answerer } from '../../packages/dns/src/server/answerer.ts'
import { createCounts } from '../../packages/dns/src/server/counters.ts'
import { defaultLimits } from '../../packages/dns/src/server/limits.ts'
import { inOrder } from '../../packages/dns/src/server/resolution.ts'
import { StreamSession } from '../../packages/dns/src/server/stream-session.ts'
import { UdpService } from '../../packages/dns/src/server/udp-service.ts'
import { scaled } from '../support/scale.ts'
import { dnsMessage } from './support/dns-messages.ts'
import { chance, split } from './support/frames.ts'
import { choose, createRandom, fuzzSeed, pick, randomBytes, type Random } from './support/random.ts'

const from: Endpoint = { address: '192.0.2.1', port: 1000 }
const limits = { ...defaultLimits, outstanding: 64, pipelined: 8, unsentBytes: 20_000 }

const repeat = (round: number): string => `round ${round}; repeat with TUNNEL_FUZZ_SEED=${fuzzSeed} pnpm exec vitest run --project fuzz test/fuzz/dns-server.test.ts`

/** Resolvers with every kind of answer: at once, later, never, wrong, and the bytes of a stranger. */
function resolvers(random: Random): Resolver[] {
  const answers: (Answer | undefined)[] = [
    'NXDOMAIN', 'NODATA', 'REFUSED', 'SERVFAIL', 'DROP', undefined, { records: [{ type: 'A', ttl: 1, data: '10.0.0.1' }] }, { records: [{ name: 'other.lan', type: 'CNAME', ttl: -5, data: 'x.lan' }] },
    { records: Array.from({ length: 400 }, (_, index) => ({ type: 'TXT', ttl: 1, data: [`${index} ${'x'.repeat(120)}`] })) }, { records: [{ type: 'A', ttl: 1, data: 'nonsense' }] },
  ]
  const answer = (key = ''): Answer | undefined => (key === 'raw.lan' && chance(random, 0.9) ? { raw: dnsMessage(random, 0.5) } : choose(random, answers))
  return [
    ({ key }) => (key === 'late.lan' ? new Promise((resolve, reject) => { if (chance(random, 0.7)) setImmediate(() => (chance(random, 0.1) ? reject(new Error('defect')) : resolve(answer()))) }) : undefined),
    ({ key }) => { if (chance(random, 0.02)) throw new Error('defect'); return answer(key) },
  ]
}

function setup(random: Random) {
  const clock = createVirtualClock()
  const counts = createCounts()
  const answerer = new Answerer({ resolve: inOrder(resolvers(random)), unanswerable: 'refused', limits, counts, clock, log: silentLog })
  return { clock, counts, answerer }
}

/** A whole response. What we wrote ourselves dns-packet reads to the end; data that another server sent is passed on as it is. */
function check(bytes: Uint8Array, round: number): void {
  const buffer = Buffer.from(bytes)
  try {
    const outline = parseOutline(buffer)
    if (!outline || (outline.flags & 0x8000) === 0) throw new Error('no response')
    if (outline.question?.name.toLowerCase() !== 'raw.lan') decode(buffer)
  } catch (error) {
    expect.fail(`${String(error)}, ${repeat(round)}: ${buffer.toString('hex')}`)
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a DNS server and hostile clients', () => {
  const rounds = scaled(1_000_000)

  it(`${rounds} datagrams: nothing escapes, every answer is a response`, async () => {
    const random = createRandom(fuzzSeed)
    const { clock, counts, answerer } = setup(random)
    let round = 0
    let sent = 0
    const service = new UdpService(answerer, {
      local: from,
      start: () => {},
      send: (bytes) => {
        sent += 1
        if (bytes.length > 1232) expect.fail(`${bytes.length} bytes, ${repeat(round)}`)
        check(bytes, round)
        return chance(random, 0.99)
      },
      close: () => {},
    }, limits, counts)
    for (; round < rounds; round += 1) {
      service.receive([{ data: dnsMessage(random), from }])
      if (answerer.steps > 5000) expect.fail(`${answerer.steps} steps, ${repeat(round)}`)
      if (round % 100 === 0) {
        await turn()
        clock.advance(choose(random, [0, 100, 10_000]))
      }
    }
    await turn()
    clock.advance(20_000)
    expect(clock.pending).toBe(0)
    expect(counts.answers).toBe(sent)
    expect(sent).toBeGreaterThan(rounds / 4)
    expect(Math.min(counts.truncated, counts.timedOut, counts.failed, counts.unsent)).toBeGreaterThan(0)
  })

  const conversations = scaled(50_000)

  it(`${conversations} TCP conversations: whole answers, or an end`, async () => {
    const random = createRandom(fuzzSeed ^ 2)
    const { clock, counts, answerer } = setup(random)
    let messages = 0
    for (let round = 0; round < conversations; round += 1) messages += await converse(random, clock, { answerer, limits, counts, clock }, round)
    clock.advance(20_000)
    expect(clock.pending).toBe(0)
    expect(messages).toBeGreaterThan(conversations)
    expect(counts.disconnected).toMatchObject({ framing: expect.any(Number), idle: expect.any(Number), unread: expect.any(Number) })
  })
})

/** One connection; gives how many answers came. */
async function converse(random: Random, clock: ReturnType<typeof createVirtualClock>, surroundings: Pick<ConstructorParameters<typeof StreamSession>[0], 'answerer' | 'limits' | 'counts' | 'clock'>, round: number): Promise<number> {
  let reads = true
  let isPaused = false
  let isClosed = false
  let unsentBytes = 0
  let answers = 0
  const transport = {
    get unsentBytes() {
      return unsentBytes
    },
    write(frame: Uint8Array) {
      if (isClosed) expect.fail(`written after its end, ${repeat(round)}`)
      if (frame.length !== frame[0]! * 256 + frame[1]! + 2) expect.fail(`a frame with a wrong length, ${repeat(round)}`)
      check(frame.subarray(2), round)
      answers += 1
      if (!reads) unsentBytes += frame.length
      if (unsentBytes > 4 * limits.unsentBytes + 65_537) expect.fail(`${unsentBytes} bytes unsent, ${repeat(round)}`)
    },
    pause: () => (isPaused = true),
    resume: () => (isPaused = false),
    end: () => (isClosed = true),
    destroy: () => (isClosed = true),
  }
  let closes = 0
  const session = new StreamSession({ ...surroundings, transport, client: from, onClose: () => (closes += 1) })
  const incoming = Array.from({ length: 1 + pick(random, 12) }, () => framed(random)).flatMap((frame) => [...split(random, frame)])
  while (incoming.length > 0 && !isClosed) {
    if (isPaused || chance(random, 0.05)) {
      await turn()
      if (chance(random, 0.3)) clock.advance(choose(random, [100, 10_000]))
      if (isPaused && chance(random, 0.5)) {
        reads = true
        unsentBytes = 0
        session.drained()
      }
      continue
    }
    if (chance(random, 0.05)) reads = !reads
    session.push(incoming.shift()!)
  }
  if (chance(random, 0.5)) session.end()
  if (chance(random, 0.5)) session.lost()
  clock.advance(30_000)
  await turn()
  clock.advance(30_000)
  if (closes !== 1) expect.fail(`closed ${closes} times, ${repeat(round)}`)
  return answers
}

/** A message behind its length, or behind another. */
function framed(random: Random): Uint8Array {
  const message = dnsMessage(random)
  const length = chance(random, 0.9) ? message.length : pick(random, chance(random, 0.5) ? 30 : 65_536)
  return Uint8Array.from([length >>> 8, length & 0xff, ...message, ...(chance(random, 0.05) ? randomBytes(random, pick(random, 9)) : [])])
}
