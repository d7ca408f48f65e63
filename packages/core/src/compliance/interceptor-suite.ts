import { CodedError } from '@tunnel/flow'
import type { Flow, TcpRequest, UdpRequest } from '@tunnel/flow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { InterceptTable, Interceptor } from '../contracts/interceptor.ts'
import { collect, pattern } from './collector.ts'
import { codeOf } from './code-of.ts'

/** An interceptor on a host of its own, and the programs of that host. */
export interface InterceptorFixture {
  readonly interceptor: Interceptor
  /** A table with one tcp destination per service name. The same name is the same destination in every table. */
  table(...services: string[]): InterceptTable
  /** From now on, the destination of that service cannot be opened; with `false`, it can again. */
  breakService(service: string, broken: boolean): Promise<void>
  /** A program connects to the destination of that service. `signal` makes it go away (by a reset), also before the answer. */
  connect(service: string, signal?: AbortSignal): Promise<Flow>
  close(): Promise<void>
}

/** What every interceptor must do, as a vitest suite. `create` is called for each test. */
export function interceptorCompliance(name: string, create: () => Promise<InterceptorFixture>): void {
  describe(`${name} is an interceptor`, () => {
    let fixture: InterceptorFixture
    let requests: (TcpRequest | UdpRequest)[]
    let answer: (request: TcpRequest) => void

    beforeEach(async () => {
      fixture = await create()
      requests = []
      answer = () => {}
      fixture.interceptor.onRequest((request) => {
        requests.push(request)
        if (request.protocol === 'tcp') answer(request)
      })
    })
    afterEach(() => fixture.close())

    const apply = (...services: string[]) => fixture.interceptor.apply(fixture.table(...services))

    describe('apply', () => {
      it('reports what it opens and closes, and nothing when nothing differs', async () => {
        expect(await apply('one', 'two')).toMatchObject({ applied: [expect.any(String), expect.any(String)], removed: [], failed: [] })
        expect(await apply('two', 'one')).toEqual({ applied: [], removed: [], failed: [] })
        expect(await apply('two')).toMatchObject({ applied: [], removed: [expect.any(String)], failed: [] })
        expect(await apply()).toMatchObject({ applied: [], removed: [expect.any(String)], failed: [] })
      })

      it('plans what it would do, and does nothing by that', async () => {
        expect(fixture.interceptor.plan(fixture.table('one')).length).toBeGreaterThan(0)
        expect(await refusedOrClosed(fixture.connect('one'))).toBe(true)
        await apply('one')
        expect(fixture.interceptor.plan(fixture.table('one'))).toEqual([])
      })

      it('is serialised: the last of several calls at once is what holds', async () => {
        answer = echo
        await Promise.all([apply('one'), apply('two'), apply(), apply('one', 'two'), apply('two')])
        expect(fixture.interceptor.plan(fixture.table('two'))).toEqual([])
        expect(await echoes(await fixture.connect('two'))).toBe(true)
        expect(await refusedOrClosed(fixture.connect('one'))).toBe(true)
      })

      it('does the rest when one service fails, and tries it again', async () => {
        answer = echo
        await fixture.breakService('bad', true)
        const report = await apply('bad', 'good')
        expect(report.failed).toMatchObject([{ service: 'bad', error: expect.any(CodedError) }])
        expect(await echoes(await fixture.connect('good'))).toBe(true)
        await fixture.breakService('bad', false)
        expect(await apply('bad', 'good')).toMatchObject({ applied: [expect.any(String)], removed: [], failed: [] })
        expect(await echoes(await fixture.connect('bad'))).toBe(true)
      })
    })

    describe('requests', () => {
      it('say where they come from and where they go, and carry data when accepted', async () => {
        answer = echo
        await apply('one')
        expect(await echoes(await fixture.connect('one'))).toBe(true)
        const { from, to, service } = requests[0]!
        expect(from.port).toBeGreaterThan(0)
        expect(to.port).toBeGreaterThan(0)
        if (fixture.interceptor.kind === 'proxy') expect(service).toBe('one')
      })

      it('wait for their answer without losing what the client has sent', async () => {
        await apply('one')
        const connecting = fixture.connect('one')
        await expect.poll(() => requests.length, { interval: 5 }).toBe(1)
        setTimeout(() => echo(requests[0] as TcpRequest), 30)
        expect(await echoes(await connecting)).toBe(true)
      })

      it.each(['reset', 'host-unreachable', 'prohibited'] as const)('end at the client when refused: %s', async (reason) => {
        answer = (request) => request.refuse(reason)
        await apply('one')
        expect(await refusedOrClosed(fixture.connect('one'))).toBe(true)
      })

      it('tell when the client goes away before the answer', async () => {
        await apply('one')
        const abort = new AbortController()
        const abandoned = new Promise<void>((resolve) => {
          answer = (request) => request.onAbandon(resolve)
        })
        const connecting = fixture.connect('one', abort.signal).then(collect, () => {})
        await expect.poll(() => requests.length, { interval: 5 }).toBe(1)
        abort.abort()
        await abandoned
        ;(requests[0] as TcpRequest).refuse('reset')
        await connecting
      })

      it('tell at once when the client has gone already', async () => {
        await apply('one')
        const abort = new AbortController()
        const first = new Promise<void>((resolve) => {
          answer = (request) => request.onAbandon(resolve)
        })
        const connecting = fixture.connect('one', abort.signal).then(collect, () => {})
        await expect.poll(() => requests.length, { interval: 5 }).toBe(1)
        abort.abort()
        await first
        const again = new Promise<void>((resolve) => (requests[0] as TcpRequest).onAbandon(resolve))
        await again
        ;(requests[0] as TcpRequest).refuse('reset')
        await connecting
      })
    })

    describe('removal and close', () => {
      it.each(['removal', 'close'])('leaves accepted flows alive, and takes no more: %s', async (how) => {
        answer = echo
        await apply('one')
        const flow = await fixture.connect('one')
        const heard = collect(flow)
        flow.send(pattern(10))
        await heard.has(10)
        await (how === 'close' ? fixture.interceptor.close() : apply())
        expect(await refusedOrClosed(fixture.connect('one'))).toBe(true)
        flow.send(pattern(10))
        await heard.has(20)
        flow.end()
        expect(await heard.closed).toBeUndefined()
      })
    })
  })
}

function echo(request: TcpRequest): void {
  const flow = request.accept()
  flow.attach({
    data(chunk, hold) {
      if (!flow.send(chunk, hold())) flow.pause()
    },
    end: () => flow.end(),
    drain: () => flow.resume(),
    close: () => {},
  })
}

async function echoes(flow: Flow): Promise<boolean> {
  const heard = collect(flow)
  flow.send(pattern(5_000))
  flow.end()
  await heard.ended
  return (await heard.closed) === undefined && Buffer.compare(heard.bytes, pattern(5_000)) === 0
}

/** A refusal shows to some clients as a failed connect, to others (whom the kernel connected) as an early end. */
async function refusedOrClosed(connecting: Promise<Flow>): Promise<boolean> {
  if ((await codeOf(connecting)) !== 'none') return true
  const flow = await connecting
  const heard = collect(flow)
  flow.send(pattern(1))
  await Promise.race([heard.closed, heard.ended])
  flow.reset(new CodedError('test.over', 'the test is over'))
  await heard.closed
  return heard.length === 0
}
