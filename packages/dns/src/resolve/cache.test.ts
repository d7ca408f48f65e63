import { createVirtualClock } from '@tunnel/flow/testing'
import dnsPacket, { type Answer as PacketAnswer } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { encodeQuery } from '../message/query.ts'
import { askInTime, idleContext, inWords, turn } from '../testing/ask.ts'
import { responseTo, soa, type FakeQuery, type FakeResponse } from '../testing/fake-network.ts'
import { cache, type CacheOptions } from './cache.ts'
import type { Answer, ResolveContext } from './resolver.ts'

const seconds = 1000
const a = (ttl: number, name = 'db.example', data = '10.0.0.1'): PacketAnswer => ({ type: 'A', name, ttl, data })
const cname = (name: string, data: string, ttl = 60): PacketAnswer => ({ type: 'CNAME', name, ttl, data })

/** A whole message, as an upstream would give it. */
function raw(response: FakeResponse, name = 'db.example', type = 'A'): Answer {
  const bytes = encodeQuery({ name, type }, { id: 1 })
  return { raw: responseTo({ ...dnsPacket.decode(Buffer.from(bytes)), bytes, transport: 'udp' } as FakeQuery, response) }
}

type Given = Answer | undefined | Error

/** A cache before a resolver that gives `answers` one after the other, the last one again and again. */
function setUp(answers: readonly Given[], options: CacheOptions = {}, delay = 0) {
  const clock = createVirtualClock()
  const asked: string[] = []
  const signals: AbortSignal[] = []
  const resolver = cache((question, { signal }) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]
    asked.push(`${question.key} ${question.type}`)
    signals.push(signal)
    const give = (): Answer | undefined => {
      if (answer instanceof Error) throw answer
      return answer
    }
    return delay === 0 ? Promise.resolve().then(give) : new Promise((resolve, reject) => void clock.after(delay, () => (answer instanceof Error ? reject(answer) : resolve(answer))))
  }, { clock, ...options })
  const ask = async (name = 'db.example', type = 'A', context: Partial<ResolveContext> = {}): Promise<string> => {
    const answer = await resolver.resolve(createQuestion(name, type), { ...idleContext, ...context })
    return typeof answer === 'object' && answer.raw && answer.raw.length < 12 ? 'bytes' : inWords(answer, true)
  }
  return { clock, asked, signals, resolver, ask }
}

describe('how long an answer is kept', () => {
  it.each<[string, Answer, number]>([
    ['as its TTL says', raw({ answers: [a(300)] }), 300],
    ['as the least of its TTLs says', raw({ answers: [a(300), a(20, 'db.example', '10.0.0.2')] }), 20],
    ['as its alias says, when that is less', raw({ answers: [cname('db.example', 'x.example', 7), a(300, 'x.example')] }), 7],
    ['not when a TTL is 0', raw({ answers: [a(0)] }), 0],
    ['a day at most', raw({ answers: [a(2_000_000)] }), 86_400],
    ['NXDOMAIN: as the minimum of the SOA says', raw({ rcode: 3, authorities: [soa(40)] }), 40],
    ['NXDOMAIN: as the TTL of the SOA says, when that is less', raw({ rcode: 3, authorities: [soa(40, 'example', 15)] }), 15],
    ['NODATA: as the SOA says', raw({ authorities: [soa(40, 'db.example')] }), 40],
    ['NODATA: 15 minutes at most', raw({ authorities: [soa(100_000, 'example', 100_000)] }), 900],
    ['NXDOMAIN without a SOA: not', raw({ rcode: 3 }), 0],
    ['NODATA without a SOA: not', raw({}), 0],
    ['NXDOMAIN with the SOA of another zone: not', raw({ rcode: 3, authorities: [soa(40, 'other')] }), 0],
    ['an alias of nothing: as the SOA of its end says', raw({ rcode: 3, answers: [cname('db.example', 'x.other')], authorities: [soa(40, 'other')] }), 40],
    ['an alias of nothing: as the alias says, when that is less', raw({ answers: [cname('db.example', 'x.other', 9)], authorities: [soa(40, 'other')] }), 9],
    ['SERVFAIL: a second', raw({ rcode: 2 }), 1],
    ['REFUSED: not', raw({ rcode: 5 }), 0],
    ['FORMERR: not', raw({ rcode: 1 }), 0],
    ['another name in the answer: not', raw({ answers: [a(300, 'other.example')] }), 0],
    ['another name beside the right one: not', raw({ answers: [a(300), a(300, 'bank.example')] }), 0],
    ['another type in the answer: not', raw({ answers: [{ type: 'TXT', name: 'db.example', ttl: 300, data: 'x' }] }), 0],
    ['a loop of aliases: not', raw({ answers: [cname('db.example', 'x.example'), cname('x.example', 'db.example')] }), 0],
    ['a truncated answer: not', raw({ flags: dnsPacket.TRUNCATED_RESPONSE, answers: [a(300)] }), 0],
    ['bytes that are no message: not', { raw: Uint8Array.of(1, 2, 3) }, 0],
    ['an answer of records: as their TTLs say', { records: [{ type: 'A', ttl: 25, data: '10.0.0.1' }] }, 25],
    ['no records: not', { records: [] }, 0],
    ['no records, with a SOA', { records: [], rcode: 'NXDOMAIN', authority: [{ type: 'SOA', name: '', ttl: 90, data: { mname: '', rname: '', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 12 } }] }, 12],
    ['the word NXDOMAIN: not', 'NXDOMAIN', 0],
    ['the word REFUSED: not', 'REFUSED', 0],
    ['the word SERVFAIL: a second', 'SERVFAIL', 1],
  ])('%s', async (_, answer, kept) => {
    const { ask, asked, clock } = setUp([answer])
    await ask()
    clock.advance(kept * seconds - 1)
    if (kept > 0) await ask()
    expect(asked).toHaveLength(1)
    clock.advance(1)
    await ask()
    expect(asked).toHaveLength(2)
  })

  it('no answer at all: not', async () => {
    const { ask, asked } = setUp([undefined])
    expect([await ask(), await ask()]).toEqual(['undefined', 'undefined'])
    expect(asked).toHaveLength(2)
  })
})

describe('what a kept answer says', () => {
  it.each<[string, Answer]>([
    ['a message', raw({ answers: [a(100), a(300, 'db.example', '10.0.0.2')] })],
    ['records', { records: [{ type: 'A', ttl: 100, data: '10.0.0.1' }, { type: 'A', ttl: 300, data: '10.0.0.2' }] }],
  ])('%s: the time that is left, and no more for any record', async (_, answer) => {
    const { ask, clock } = setUp([answer])
    expect(await ask()).toBe('A 10.0.0.1 100, A 10.0.0.2 300')
    expect(await ask()).toBe('A 10.0.0.1 100, A 10.0.0.2 100')
    clock.advance(30 * seconds + 999)
    expect(await ask()).toBe('A 10.0.0.1 70, A 10.0.0.2 70')
    clock.advance(69 * seconds)
    expect(await ask()).toBe('A 10.0.0.1 1, A 10.0.0.2 1')
  })

  it('the same object within a second, and no promise', async () => {
    const { ask, resolver } = setUp([raw({ answers: [a(100)] })])
    await ask()
    const question = createQuestion('DB.Example', 'A')
    const answer = resolver.resolve(question, idleContext)
    expect(answer).not.toBeInstanceOf(Promise)
    expect(resolver.resolve(question, idleContext)).toBe(answer)
  })

  it('what is done to a given message does not change the kept one', async () => {
    const given = raw({ answers: [a(100)] }) as { raw: Uint8Array }
    const { ask } = setUp([given])
    await ask()
    given.raw.fill(0)
    expect(await ask()).toBe('A 10.0.0.1 100')
  })

  it.each<[string, string, string, Partial<ResolveContext>]>([
    ['another type', 'db.example', 'AAAA', {}],
    ['another name', 'db2.example', 'A', {}],
    ['DNSSEC records wanted', 'db.example', 'A', { dnssecOk: true }],
    ['checking disabled', 'db.example', 'A', { checkingDisabled: true }],
  ])('not for %s', async (_, name, type, context) => {
    const { ask, asked } = setUp([raw({ answers: [a(100)] })])
    await ask()
    await ask(name, type, context)
    expect(asked).toHaveLength(2)
  })

  it('a question without recursion is answered from what is kept, and its answer is not kept', async () => {
    const { ask, asked } = setUp([raw({ answers: [a(100)] })])
    await ask('db.example', 'A', { recursionDesired: false })
    await ask()
    await ask('db.example', 'A', { recursionDesired: false })
    expect(asked).toHaveLength(2)
  })
})

describe('bounds', () => {
  it('entries: what was not used for the longest goes', async () => {
    const { ask, asked, resolver } = setUp([{ records: [{ type: 'A', ttl: 100, data: '10.0.0.1' }] }], { entries: 3 })
    for (const name of ['a', 'b', 'c', 'a', 'd', 'a', 'b']) await ask(name)
    expect(asked).toEqual(['a A', 'b A', 'c A', 'd A', 'b A'])
    expect(resolver.counters.entries).toBe(3)
  })

  it('bytes: large answers push out others, and are not kept when larger than everything', async () => {
    const large = (length: number): Answer => raw({ answers: [{ type: 'TXT', name: 'db.example', ttl: 60, data: Array.from({ length }, () => 'x'.repeat(250)) }] }, 'db.example', 'TXT')
    const { ask, resolver } = setUp([large(10), large(10), large(100)], { bytes: 6000 })
    for (const name of ['db.example', 'DB.example', 'db.example']) await ask(name, 'TXT')
    expect(resolver.counters).toMatchObject({ entries: 1, hits: 2 })
    resolver.clear()
    await ask('db.example', 'TXT')
    await ask('db.example', 'TXT')
    expect(resolver.counters.bytes).toBeLessThanOrEqual(6000)
  })
})

describe('the same question under way', () => {
  it('is asked once, and all who wait get the answer', async () => {
    const { ask, asked, clock } = setUp([raw({ answers: [a(100)] })], {}, 50)
    const answers = [ask(), ask('DB.example'), ask('db.EXAMPLE')]
    clock.advance(50)
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 3 }, () => 'A 10.0.0.1 100'))
    expect(asked).toHaveLength(1)
  })

  it('goes on when one of two goes away, and ends with the last', async () => {
    const { ask, asked, signals } = setUp([raw({ answers: [a(100)] })], {}, 50)
    const controllers = [new AbortController(), new AbortController()]
    const answers = controllers.map(({ signal }) => ask('db.example', 'A', { signal }).catch(() => 'gone'))
    controllers[0]!.abort()
    expect(await answers[0]).toBe('gone')
    expect(signals[0]!.aborted).toBe(false)
    controllers[1]!.abort()
    expect(await answers[1]).toBe('gone')
    expect(signals[0]!.aborted).toBe(true)
    void ask().catch(() => {})
    await turn()
    expect(asked).toHaveLength(2)
  })

  it('that fails, fails for all, and is asked anew next time', async () => {
    const { ask, asked } = setUp([new Error('broken'), raw({ answers: [a(100)] })])
    const failures = await Promise.allSettled([ask(), ask()])
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await ask()).toBe('A 10.0.0.1 100')
    expect(asked).toHaveLength(2)
  })

  it('ends when the cache is closed', async () => {
    const { ask, signals, resolver } = setUp([undefined], {}, 50)
    void ask().catch(() => {})
    await turn()
    resolver.close()
    expect(signals[0]!.aborted).toBe(true)
  })
})

describe('answers after their time (RFC 8767)', () => {
  const good = raw({ answers: [a(10)] })

  it.each<[string, Given]>([
    ['no answer', undefined],
    ['SERVFAIL', raw({ rcode: 2 })],
    ['REFUSED', raw({ rcode: 5 })],
    ['the word SERVFAIL', 'SERVFAIL'],
    ['an error', new Error('broken')],
  ])('are given instead of %s, for as long as allowed, with a TTL of 30', async (_, bad) => {
    const { ask, clock, resolver } = setUp([good, bad], { staleFor: 100 })
    await ask()
    clock.advance(10 * seconds)
    expect(await ask()).toBe('A 10.0.0.1 30')
    expect(resolver.counters.stale).toBe(1)
    clock.advance(100 * seconds)
    expect(await ask().catch(() => 'error')).not.toContain('10.0.0.1')
  })

  it('are never given by default', async () => {
    const { ask, clock } = setUp([good, 'SERVFAIL'])
    await ask()
    clock.advance(10 * seconds)
    expect(await ask()).toBe('SERVFAIL')
  })

  it('are not given instead of the news that there is nothing any more', async () => {
    const { ask, clock } = setUp([good, raw({ rcode: 3, authorities: [soa(5)] })], { staleFor: 100 })
    await ask()
    clock.advance(10 * seconds)
    expect(await ask()).toBe('NXDOMAIN')
  })

  it('are given after 1.8 seconds of waiting, and the news is kept when it comes', async () => {
    const slow = setUp([good, raw({ answers: [a(50)] })], { staleFor: 100 }, 3000)
    expect(await askInTime(slow.clock, slow.resolver, 'db.example')).toEqual({ answer: 'A 10.0.0.1', after: 3000 })
    slow.clock.advance(10 * seconds)
    expect(await askInTime(slow.clock, slow.resolver, 'db.example')).toEqual({ answer: 'A 10.0.0.1', after: 1800 })
    slow.clock.advance(1200)
    await turn()
    expect(await slow.ask()).toBe('A 10.0.0.1 50')
  })

  it('nobody is asked for half a minute after a failure', async () => {
    const { ask, asked, clock } = setUp([good, 'SERVFAIL'], { staleFor: 1000 })
    await ask()
    clock.advance(10 * seconds)
    for (let times = 0; times < 5; times += 1) expect(await ask()).toBe('A 10.0.0.1 30')
    expect(asked).toHaveLength(2)
    clock.advance(30 * seconds)
    await ask()
    expect(asked).toHaveLength(3)
  })
})

describe('asking ahead', () => {
  it('an answer in its last tenth is asked for again, behind the back of who asks', async () => {
    const { ask, asked, clock } = setUp([raw({ answers: [a(100)] })], { prefetch: true })
    await ask()
    clock.advance(89 * seconds)
    await ask()
    expect(asked).toHaveLength(1)
    clock.advance(1 * seconds)
    expect(await ask()).toBe('A 10.0.0.1 10')
    expect(asked).toHaveLength(2)
    await turn()
    expect(await ask()).toBe('A 10.0.0.1 100')
    expect(asked).toHaveLength(2)
  })

  it('not by default', async () => {
    const { ask, asked, clock } = setUp([raw({ answers: [a(100)] })])
    await ask()
    clock.advance(99 * seconds)
    await ask()
    expect(asked).toHaveLength(1)
  })
})
