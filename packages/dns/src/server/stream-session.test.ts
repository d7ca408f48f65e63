import { silentLog } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { decode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { encodeQuery } from '../message/query.ts'
import type { Answer, ResolveContext, ResolveFunction } from '../resolve/resolver.ts'
import { Answerer } from './answerer.ts'
import { createCounts } from './counters.ts'
import { defaultLimits } from './limits.ts'
import type { DnsServerLimits } from './server.ts'
import { StreamSession } from './stream-session.ts'

const a = { records: [{ type: 'A', ttl: 60, data: '10.0.0.5' }] } as const
const big: Answer = { records: Array.from({ length: 200 }, (_, index) => ({ type: 'TXT', ttl: 1, data: [`${index}`, 'x'.repeat(200)] })) }

const frame = (message: Uint8Array): Uint8Array => Uint8Array.from([message.length >> 8, message.length & 0xff, ...message])
const query = (id: number, name = 'db.lan'): Uint8Array => frame(encodeQuery({ name, type: 'A' }, { id }))
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setup(resolve: ResolveFunction = () => a, limits: Partial<DnsServerLimits> = {}) {
  const clock = createVirtualClock()
  const counts = createCounts()
  const all = { ...defaultLimits, ...limits }
  const answerer = new Answerer({ resolve, unanswerable: 'refused', limits: all, counts, clock, log: silentLog })
  const calls: string[] = []
  const written: Uint8Array[] = []
  const transport = {
    unsentBytes: 0,
    reads: true,
    write(bytes: Uint8Array) {
      written.push(bytes)
      if (!this.reads) this.unsentBytes += bytes.length
    },
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    end: () => void calls.push('end'),
    destroy: () => void calls.push('destroy'),
  }
  let closed = 0
  const session = new StreamSession({ answerer, transport, client: { address: '192.0.2.1', port: 1000 }, limits: all, counts, clock, onClose: () => (closed += 1) })
  const ids = (): (number | undefined)[] => written.map((bytes) => decode(Buffer.from(bytes.subarray(2))).id)
  return { clock, counts, session, transport, calls, written, ids, closed: () => closed }
}

describe('StreamSession (RFC 7766)', () => {
  it('answers a message behind its length', () => {
    const { session, written, ids } = setup()
    session.push(query(5))
    expect(ids()).toEqual([5])
    expect((written[0]![0]! << 8) | written[0]![1]!).toBe(written[0]!.length - 2)
  })

  it('does not mind how the bytes are cut (8)', () => {
    const bytes = join(query(1), query(2), query(3))
    for (let size = 1; size <= bytes.length; size += 1) {
      const { session, ids } = setup()
      for (let at = 0; at < bytes.length; at += size) session.push(bytes.slice(at, at + size))
      expect(ids()).toEqual([1, 2, 3])
    }
  })

  it('answers in the order in which the answers are there (6.2.1.1)', async () => {
    const open = new Map<string, (answer: Answer) => void>()
    const { session, ids } = setup(({ key }) => (key === 'now.lan' ? a : new Promise<Answer>((resolve) => open.set(key, resolve))))
    session.push(join(query(1, 'slow.lan'), query(2, 'slower.lan'), query(3, 'now.lan')))
    expect(ids()).toEqual([3])
    open.get('slower.lan')!(a)
    await settled()
    open.get('slow.lan')!(a)
    await settled()
    expect(ids()).toEqual([3, 2, 1])
  })

  it('has no limit of 512 bytes', () => {
    const { session, written } = setup(() => big)
    session.push(query(1))
    expect(decode(Buffer.from(written[0]!.subarray(2)))).toMatchObject({ flag_tc: false, answers: { length: 200 } })
  })

  it('truncates what does not even fit into 65,535 bytes', () => {
    const huge: Answer = { records: Array.from({ length: 400 }, () => ({ type: 'TXT', ttl: 1, data: ['x'.repeat(255)] })) }
    const { session, written } = setup(() => huge)
    session.push(query(1))
    expect(written[0]!.length).toBeLessThanOrEqual(65_537)
    expect(decode(Buffer.from(written[0]!.subarray(2)))).toMatchObject({ flag_tc: true })
  })

  it('says FORMERR to a bad message and reads on', () => {
    const { session, ids, counts, calls } = setup()
    session.push(join(frame(Uint8Array.from([...encodeQuery({ name: 'a', type: 'A' }, { id: 1 }), 0])), query(2)))
    expect(ids()).toEqual([1, 2])
    expect(counts.refused).toEqual({ trailing: 1 })
    expect(calls).toEqual([])
  })

  it.each([0, 1, 11])('closes when a length of %i cannot be a message', (length) => {
    const { session, calls, counts, ids, closed } = setup()
    session.push(join(query(1), Uint8Array.from([0, length]), query(2)))
    expect(ids()).toEqual([1])
    expect(calls).toEqual(['end'])
    expect(counts.disconnected).toEqual({ framing: 1 })
    expect(closed()).toBe(1)
  })

  it('closes an idle connection (6.2.3)', () => {
    const { session, clock, calls, counts } = setup()
    clock.advance(9000)
    session.push(query(1))
    clock.advance(9999)
    expect(calls).toEqual([])
    clock.advance(1)
    expect(calls).toEqual(['end'])
    expect(counts.disconnected).toEqual({ idle: 1 })
    expect(clock.pending).toBe(0)
  })

  it('closes one that sends a byte now and then and never a whole message', () => {
    const { session, clock, calls } = setup()
    const bytes = query(1)
    for (const byte of bytes.subarray(0, 10)) {
      session.push(Uint8Array.of(byte))
      clock.advance(999)
    }
    expect(calls).toEqual([])
    clock.advance(1000)
    expect(calls).toEqual(['end'])
  })

  it('does not take a client that waits for us for an idle one', async () => {
    let finish: (answer: Answer) => void = () => {}
    const { session, clock, calls, ids } = setup(() => new Promise<Answer>((resolve) => (finish = resolve)), { answerTimeout: 60_000 })
    session.push(query(1))
    clock.advance(30_000)
    expect(calls).toEqual([])
    finish(a)
    await settled()
    expect(ids()).toEqual([1])
    clock.advance(10_000)
    expect(calls).toEqual(['end'])
  })

  it('stops reading while too many questions wait, and reads on', async () => {
    const open: ((answer: Answer) => void)[] = []
    const { session, calls, ids } = setup(() => new Promise<Answer>((resolve) => open.push(resolve)), { pipelined: 2 })
    session.push(join(query(1), query(2), query(3), query(4)))
    expect(open).toHaveLength(2)
    expect(calls).toEqual(['pause'])
    for (let index = 0; index < 4; index += 1) {
      open[index]!(a)
      await settled()
    }
    expect(ids()).toEqual([1, 2, 3, 4])
    expect(calls).toEqual(['pause', 'resume'])
  })

  it('stops reading a client that does not read, and closes it', () => {
    const { session, transport, calls, written, counts, clock } = setup(() => big, { unsentBytes: 100_000 })
    transport.reads = false
    session.push(join(...Array.from({ length: 50 }, (_, id) => query(id))))
    expect(written.length).toBe(3)
    expect(calls).toEqual(['pause'])
    clock.advance(10_000)
    expect(calls).toEqual(['pause', 'destroy'])
    expect(counts.disconnected).toEqual({ unread: 1 })
  })

  it('goes on with a client that reads again', () => {
    const { session, transport, calls, ids, clock } = setup(() => big, { unsentBytes: 100_000 })
    transport.reads = false
    session.push(join(...Array.from({ length: 5 }, (_, id) => query(id))))
    clock.advance(9000)
    transport.unsentBytes = 0
    transport.reads = true
    session.drained()
    expect(ids()).toEqual([0, 1, 2, 3, 4])
    expect(calls).toEqual(['pause', 'resume'])
  })

  it('closes at once when answers that come together are far too much', async () => {
    const open: ((answer: Answer) => void)[] = []
    const { session, transport, counts } = setup(() => new Promise<Answer>((resolve) => open.push(resolve)), { unsentBytes: 20_000 })
    transport.reads = false
    session.push(join(...Array.from({ length: 20 }, (_, id) => query(id))))
    for (const finish of open) finish(big)
    await settled()
    expect(counts.disconnected).toEqual({ unread: 1 })
    expect(transport.unsentBytes).toBeLessThan(4 * 20_000 + 65_537)
  })

  it('a client that ends its direction gets what it asked for', async () => {
    let finish: (answer: Answer) => void = () => {}
    const { session, calls, ids } = setup(() => new Promise<Answer>((resolve) => (finish = resolve)))
    session.push(query(1))
    session.end()
    expect(calls).toEqual([])
    finish(a)
    await settled()
    expect(ids()).toEqual([1])
    expect(calls).toEqual(['end'])
  })

  it('one that ends and does not read is closed in time', () => {
    const { session, transport, calls, clock } = setup()
    transport.reads = false
    session.push(query(1))
    session.end()
    expect(calls).toEqual([])
    clock.advance(10_000)
    expect(calls).toEqual(['destroy'])
    expect(clock.pending).toBe(0)
  })

  it('aborts the questions of a connection that is gone', () => {
    const contexts: ResolveContext[] = []
    const { session, closed } = setup((_, context) => (contexts.push(context), new Promise<Answer>(() => {})))
    session.push(join(query(1), query(2)))
    expect(contexts[0]).toMatchObject({ transport: 'tcp', client: { address: '192.0.2.1', port: 1000 } })
    session.lost()
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, true])
    session.push(query(3))
    expect(contexts).toHaveLength(2)
    expect(closed()).toBe(1)
  })
})
