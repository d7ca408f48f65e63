import { silentLog, type Log } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { decode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { encodeQuery } from '../message/query.ts'
import type { Answer, ResolveContext, Resolver } from '../resolve/resolver.ts'
import { Answerer, type Caller } from './answerer.ts'
import { createCounts } from './counters.ts'
import { defaultLimits } from './limits.ts'
import { inOrder } from './resolution.ts'
import type { DnsServerLimits } from './server.ts'

const a = { records: [{ type: 'A', ttl: 60, data: '10.0.0.5' }] } as const
const query = (name = 'db.lan', id = 1): Uint8Array => encodeQuery({ name, type: 'A' }, { id })

function setup(resolvers: readonly Resolver[], options: { unanswerable?: 'refused' | 'servfail' | 'timeout'; limits?: Partial<DnsServerLimits>; log?: Log } = {}) {
  const clock = createVirtualClock()
  const counts = createCounts()
  const answerer = new Answerer({
    resolve: inOrder(resolvers), unanswerable: options.unanswerable ?? 'refused', limits: { ...defaultLimits, ...options.limits }, counts, clock, log: options.log ?? silentLog,
  })
  const late: (string | undefined)[] = []
  const caller: Caller = {
    transport: 'udp',
    client: { address: '127.0.0.1', port: 999 },
    limitFor: () => 512,
    defer: () => (response) => late.push(response && rcodeOf(response)),
  }
  const rcodeOf = (response: Uint8Array): string => (decode(Buffer.from(response)) as unknown as { rcode: string }).rcode
  const ask = (message = query()): string | undefined => {
    const response = answerer.answer(message, caller)
    return response && rcodeOf(response)
  }
  return { clock, counts, answerer, caller, late, ask }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('Answerer', () => {
  it('asks resolvers in order until one has an answer', () => {
    const asked: string[] = []
    const { ask } = setup([({ key }) => void asked.push(`1 ${key}`), { resolve: ({ key }) => (asked.push(`2 ${key}`), a) }, () => expect.fail('the third is not asked')])
    expect(ask(query('DB.lan'))).toBe('NOERROR')
    expect(asked).toEqual(['1 db.lan', '2 db.lan'])
  })

  it('goes on after a promise of nothing', async () => {
    const { ask, late } = setup([async () => undefined, () => undefined, async () => 'NXDOMAIN' as const, () => expect.fail('not asked')])
    expect(ask()).toBeUndefined()
    await settled()
    expect(late).toEqual(['NXDOMAIN'])
  })

  it.each([['refused', 'REFUSED'], ['servfail', 'SERVFAIL'], ['timeout', undefined]] as const)('what nobody answers is %s', async (unanswerable, rcode) => {
    const now = setup([() => undefined], { unanswerable })
    expect(now.ask()).toBe(rcode)
    const later = setup([async () => undefined], { unanswerable })
    later.ask()
    await settled()
    expect(later.late).toEqual([rcode])
  })

  it('says nothing for DROP', async () => {
    const { ask, late, counts } = setup([({ key }) => (key === 'now' ? 'DROP' : Promise.resolve('DROP'))])
    expect(ask(query('now'))).toBeUndefined()
    ask(query('later'))
    await settled()
    expect(late).toEqual([undefined])
    expect(counts).toMatchObject({ questions: 2, answers: 0 })
  })

  it('never answers a response, or what has no whole header', () => {
    const { ask, counts } = setup([() => a])
    const response = query()
    response[2] = 0x81
    expect(ask(response)).toBeUndefined()
    expect(ask(query().subarray(0, 11))).toBeUndefined()
    expect(ask(new Uint8Array(0))).toBeUndefined()
    expect(counts).toMatchObject({ questions: 0, answers: 0, refused: { response: 1, short: 2 } })
  })

  it('answers what it refuses with the id, the opcode and, where it was read, the question', () => {
    const { answerer, caller } = setup([() => a])
    const notify = query('db.lan', 4711)
    notify[2] = 0x21
    const respond = (message: Uint8Array) => decode(Buffer.from(answerer.answer(message, caller)!))
    expect(respond(notify)).toMatchObject({ id: 4711, opcode: 'NOTIFY', rcode: 'NOTIMP', questions: [] })
    expect(respond(Uint8Array.from([...query('db.lan', 4712), 0]))).toMatchObject({ id: 4712, rcode: 'FORMERR', questions: [{ name: 'db.lan' }], additionals: [{ type: 'OPT' }] })
    const version = query('db.lan', 4713)
    version[version.length - 5] = 1
    expect(respond(version)).toMatchObject({ rcode: 'NOERROR', additionals: [{ extendedRcode: 1, ednsVersion: 0 }], questions: [{ name: 'db.lan' }] })
  })

  it('a resolver that throws or rejects is SERVFAIL, told once a second', async () => {
    const told: unknown[] = []
    const { ask, late, counts, clock } = setup([({ key }) => { if (key === 'now') throw new Error('defect'); return Promise.reject(new Error('later')) }], { log: (level, _source, message, fields) => told.push([level, message, fields]) })
    expect(ask(query('now'))).toBe('SERVFAIL')
    ask(query('later'))
    await settled()
    expect(late).toEqual(['SERVFAIL'])
    expect(counts.failed).toBe(2)
    expect(told).toEqual([['error', 'a resolver failed', { name: 'now', type: 'A', error: 'defect', failed: 1 }]])
    clock.advance(1000)
    ask(query('now'))
    expect(told).toHaveLength(2)
  })

  it('a record that cannot be written is SERVFAIL', () => {
    const { ask, counts } = setup([() => ({ records: [{ type: 'A', ttl: 1, data: 'nonsense' }] })])
    expect(ask()).toBe('SERVFAIL')
    expect(counts.failed).toBe(1)
  })

  it('a question that is never answered ends in time, and is aborted', async () => {
    let context: ResolveContext | undefined
    const { ask, late, counts, clock } = setup([(_, given) => { context = given; return new Promise<Answer>(() => {}) }])
    ask()
    clock.advance(9999)
    expect(late).toEqual([])
    expect(context?.signal.aborted).toBe(false)
    clock.advance(1)
    expect(late).toEqual(['SERVFAIL'])
    expect(context?.signal.aborted).toBe(true)
    expect(counts.timedOut).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('more questions at once than allowed get SERVFAIL at once', async () => {
    const open: ((answer: Answer) => void)[] = []
    const { ask, late, counts } = setup([() => new Promise<Answer>((resolve) => open.push(resolve))], { limits: { outstanding: 2 } })
    expect([ask(), ask(), ask()]).toEqual([undefined, undefined, 'SERVFAIL'])
    expect(counts.overloaded).toBe(1)
    open[0]!(a)
    await settled()
    expect(late).toEqual(['NOERROR'])
    expect(ask()).toBeUndefined()
  })

  it('keeps nothing of a message or a sender that is used again', async () => {
    let context: ResolveContext | undefined
    let finish: (answer: Answer) => void = () => {}
    const { answerer, caller, clock } = setup([(_, given) => { context = given; return new Promise<Answer>((resolve) => (finish = resolve)) }])
    const client = { address: '192.0.2.1', port: 1 }
    let response: Buffer | undefined
    const message = query('Later.Lan', 99)
    answerer.answer(message, { ...caller, client, defer: () => (bytes) => (response = Buffer.from(bytes!)) })
    message.fill(0xff)
    client.address = 'other'
    expect(context?.client).toEqual({ address: '192.0.2.1', port: 1 })
    answerer.answer(query('other.lan', 100), caller)
    clock.advance(10_000)
    finish(a)
    expect(decode(response!)).toMatchObject({ id: 99, questions: [{ name: 'Later.Lan' }] })
  })

  it('closed: who waits is aborted, nobody is answered', async () => {
    let context: ResolveContext | undefined
    let finish: (answer: Answer) => void = () => {}
    const { answerer, ask, late } = setup([(_, given) => { context = given; return new Promise<Answer>((resolve) => (finish = resolve)) }])
    ask()
    answerer.close()
    expect(context?.signal.aborted).toBe(true)
    finish(a)
    await settled()
    expect(late).toEqual([])
    expect(ask()).toBeUndefined()
  })
})
