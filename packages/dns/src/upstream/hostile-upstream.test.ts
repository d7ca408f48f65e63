import { createVirtualClock } from '@tunnel/flow/testing'
import dnsPacket from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { cache } from '../resolve/cache.ts'
import { idleContext, turn } from '../testing/ask.ts'
import { createFakeNetwork, responseTo, serverOf, soa, type FakeQuery, type FakeServer } from '../testing/fake-network.ts'
import { forward } from './forward.ts'
import { createFrameSplitter, frameOf } from './message-frames.ts'

/** A cache before one server, asked once; then the server is honest, and asked again. */
async function askTwice(server: FakeServer, scheme: 'udp' | 'tcp' = 'udp') {
  const clock = createVirtualClock()
  const network = createFakeNetwork(clock)
  network.servers.set('10.0.0.1:53', server)
  const resolver = cache(forward([`${scheme}://10.0.0.1`], { ...network, clock }), { clock, staleFor: 100 })
  const ask = async () => {
    const answer = Promise.resolve(resolver.resolve(createQuestion('db.example', 'A'), idleContext))
    for (let rounds = 0; rounds < 3; rounds += 1) {
      await turn()
      clock.advance(0)
    }
    await turn()
    clock.advance(10_000)
    return answer
  }
  const first = await ask()
  const entries = resolver.counters.entries
  network.servers.set('10.0.0.1:53', serverOf('A 10.1.1.1'))
  const second = await ask()
  await turn()
  resolver.close()
  await turn()
  return { first, second, entries, pending: clock.pending }
}

/** Whatever was passed on must be a message about db.example and nothing else, by another reader's eyes. */
function expectAboutQuestion(answer: unknown): void {
  if (answer === undefined || typeof answer === 'string') return
  const { questions, answers = [] } = dnsPacket.decode(Buffer.from((answer as { raw: Uint8Array }).raw))
  expect(questions?.map(({ name }) => name.toLowerCase())).toEqual(questions?.length ? ['db.example'] : [])
  const names = new Set(['db.example'])
  for (let more = true; more; ) {
    const next = answers.find(({ type, name, data }: { type: string; name: string; data?: unknown }) => type === 'CNAME' && names.has(name.toLowerCase()) && !names.has(String(data).toLowerCase())) as { data: string } | undefined
    more = next !== undefined
    if (next) names.add(next.data.toLowerCase())
  }
  for (const { name, type } of answers) if (type !== 'RRSIG' && type !== 'DNAME') expect([...names]).toContain(name.toLowerCase())
}

const honest = (query: FakeQuery): Uint8Array =>
  responseTo(query, {
    answers: [
      { type: 'CNAME', name: 'db.example', ttl: 60, data: 'x.db.example' },
      { type: 'A', name: 'x.db.example', ttl: 60, data: '10.6.6.6' },
    ],
    authorities: [soa(60, 'example')],
  })

describe('a hostile server', () => {
  it.each(['udp', 'tcp'] as const)('%s: bytes at random are no answer, and harm nothing', async (scheme) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 4 }), async (messages) => {
        const { first, second, entries, pending } = await askTwice(() => messages.map((bytes) => ({ bytes })), scheme)
        expect(first).toBeUndefined()
        expect(entries).toBe(0)
        expect(second).toMatchObject({ raw: expect.any(Uint8Array) })
        expect(pending).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  it('an honest answer with some bytes changed is an answer to the question or none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 6 }), fc.option(fc.nat(130)), async (changes, length) => {
        const { first, second } = await askTwice((query) => {
          const bytes = honest(query)
          for (const [at, value] of changes) if (at > 1 && at < bytes.length) bytes[at] = value
          return [{ bytes: length === null ? bytes : bytes.slice(0, length) }]
        })
        expectAboutQuestion(first)
        expectAboutQuestion(second)
      }),
      { numRuns: 150 },
    )
  })

  it('records of other names beside the answer: nothing is believed', async () => {
    const name = fc.constantFrom('db.example', 'x.example', 'bank.example', 'example', '', 'y.x.example')
    const record = fc.oneof(
      fc.tuple(name, name).map(([owner, data]) => ({ type: 'CNAME' as const, name: owner, ttl: 60, data: data || '.' })),
      name.map((owner) => ({ type: 'A' as const, name: owner, ttl: 60, data: '10.6.6.6' })),
      name.map((owner) => ({ type: 'NS' as const, name: owner, ttl: 60, data: 'ns.evil' })),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 6 }), fc.constantFrom(0, 2, 3, 5), async (answers, rcode) => {
        const { first } = await askTwice((query) => [{ bytes: responseTo(query, { answers, rcode }) }])
        expectAboutQuestion(first)
      }),
      { numRuns: 100 },
    )
  })

  it('a thousand aliases end at once', async () => {
    const answers = Array.from({ length: 1000 }, (_, index) => ({ type: 'CNAME' as const, name: index === 0 ? 'db.example' : `n${index}.example`, ttl: 60, data: `n${index + 1}.example` }))
    const started = performance.now()
    const { first } = await askTwice((query) => [{ bytes: responseTo(query, { answers }) }])
    expect(first).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

describe('frames', () => {
  it('come out whole, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }), fc.infiniteStream(fc.integer({ min: 1, max: 50 })), (messages, cuts) => {
        const out: Uint8Array[] = []
        const split = createFrameSplitter((message) => out.push(message))
        const stream = Buffer.concat(messages.map(frameOf))
        for (let at = 0; at < stream.length; ) {
          const size = cuts.next().value as number
          split(stream.subarray(at, at + size))
          at += size
        }
        expect(out.map((message) => [...message])).toEqual(messages.map((message) => [...message]))
      }),
    )
  })
})
