import { CodedError, type LogLevel } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { createServicePoller } from './service-poller.ts'
import { advance, settle } from './testing/settle.ts'
import type { EdgeService } from './types.ts'

const service = (id: string, more: Partial<EdgeService> = {}): EdgeService => ({
  id, name: `name-${id}`, encryptionRequired: true, permissions: ['Dial'], config: {}, postureQueries: [], roleAttributes: [], ...more,
})

function scene(first: EdgeService[]) {
  const clock = createVirtualClock()
  const logged: [LogLevel, string][] = []
  const state = { list: first, changedAt: '1', failure: undefined as Error | undefined, polls: 0, reads: 0 }
  const poller = createServicePoller({
    clock, random: () => 0.5, log: (level, _source, message) => logged.push([level, message]),
    controller: {
      async serviceUpdates() {
        state.polls += 1
        if (state.failure !== undefined) throw state.failure
        return state.changedAt
      },
      async services() {
        state.reads += 1
        if (state.failure !== undefined) throw state.failure
        return state.list
      },
    },
  })
  const seen: string[] = []
  poller.watch(({ kind, service, previous }) => seen.push(`${kind} ${service.name}${previous === undefined ? '' : ` was ${previous.name}`}`))
  const change = (list: EdgeService[]) => {
    state.list = list
    state.changedAt += '1'
  }
  return { clock, logged, state, poller, seen, change }
}

describe('polling', () => {
  it('reads the list at once, and again only when the controller says that it changed', async () => {
    const { poller, seen, state, clock } = scene([service('a'), service('b')])
    await poller.start()
    expect(seen).toEqual(['added name-a', 'added name-b'])
    await advance(clock, 15_000)
    await advance(clock, 15_000)
    expect(state).toMatchObject({ polls: 3, reads: 1 })
  })

  it('reports what was added, changed and removed', async () => {
    const { poller, seen, clock, change } = scene([service('a'), service('b'), service('c')])
    await poller.start()
    seen.length = 0
    change([service('a'), service('b', { name: 'new' }), service('d')])
    await advance(clock, 15_000)
    expect(seen).toEqual(['removed name-c', 'changed new was name-b', 'added name-d'])
    expect(poller.named.get('new')?.id).toBe('b')
    expect(poller.named.get('name-b')).toBeUndefined()
  })

  it.each<[string, Partial<EdgeService>]>([
    ['permissions', { permissions: ['Dial', 'Bind'] }],
    ['encryption', { encryptionRequired: false }],
    ['config', { config: { 'host.v1': { port: 1 } } }],
    ['posture', { postureQueries: [{ policyId: 'p', policyType: 'Dial', isPassing: false, queries: [] }] }],
  ])('sees a change of %s', async (_what, more) => {
    const { poller, seen, clock, change } = scene([service('a', { config: { 'host.v1': { port: 0 } } })])
    await poller.start()
    change([service('a', { config: { 'host.v1': { port: 0 } } })])
    await advance(clock, 15_000)
    expect(seen).toHaveLength(1)
    change([service('a', { config: { 'host.v1': { port: 0 } }, ...more })])
    await advance(clock, 15_000)
    expect(seen.slice(1)).toEqual(['changed name-a was name-a'])
  })

  it('tells a late watcher of all that is there', async () => {
    const { poller } = scene([service('a')])
    await poller.start()
    const late: string[] = []
    const stop = poller.watch(({ kind, service }) => late.push(`${kind} ${service.id}`))
    expect(late).toEqual(['added a'])
    stop()
  })

  it('on demand shares one read', async () => {
    const { poller, state, change, seen } = scene([service('a')])
    await poller.start()
    change([service('a'), service('b')])
    await Promise.all([poller.pollNow(), poller.pollNow(), poller.pollNow()])
    expect(state.reads).toBe(2)
    expect(seen).toEqual(['added name-a', 'added name-b'])
  })

  it('uses the last id of several services with one name, and says so once', async () => {
    const { poller, logged, clock, change } = scene([service('b', { name: 'x' }), service('a', { name: 'x' })])
    await poller.start()
    expect(poller.named.get('x')?.id).toBe('b')
    change([service('b', { name: 'x' }), service('a', { name: 'x' }), service('c')])
    await advance(clock, 15_000)
    expect(logged.filter(([, message]) => message.includes('named "x"'))).toHaveLength(1)
  })
})

describe('a controller in trouble', () => {
  const unavailable = (retryAfter?: number) => new CodedError('controller.unavailable', 'it is ill', { detail: { status: 503, retryAfter } })

  it('is asked for ever; the services stay, and the log says it the 1st, 2nd, 4th, 8th time, and when it is over', async () => {
    const { poller, seen, state, clock, logged } = scene([service('a')])
    await poller.start()
    state.failure = new CodedError('controller.unreachable', 'nobody there')
    for (let turn = 0; turn < 9; turn += 1) await advance(clock, 15_000)
    expect(logged.map(([level, text]) => `${level} ${text}`)).toEqual([
      'warn reading the services failed: nobody there',
      'warn reading the services failed 2 times in 15 s: nobody there',
      'warn reading the services failed 4 times in 45 s: nobody there',
      'warn reading the services failed 8 times in 105 s: nobody there',
    ])
    expect(poller.services.size).toBe(1)
    state.failure = undefined
    await advance(clock, 15_000)
    expect(logged.at(-1)).toEqual(['info', 'reading the services works again after 9 failures in 135 s'])
    expect(seen).toEqual(['added name-a'])
  })

  it('is asked sooner after a 503, but not before the time that it names', async () => {
    const { poller, state, clock } = scene([service('a')])
    await poller.start()
    state.failure = unavailable()
    await advance(clock, 15_000)
    const { polls } = state
    await advance(clock, 6249)
    expect(state.polls).toBe(polls)
    state.failure = unavailable(60_000)
    await advance(clock, 1)
    expect(state.polls).toBe(polls + 1)
    await advance(clock, 59_999)
    expect(state.polls).toBe(polls + 1)
    await advance(clock, 1)
    expect(state.polls).toBe(polls + 2)
  })

  it('at the start is waited for', async () => {
    const { poller, state, clock } = scene([service('a')])
    state.failure = new CodedError('controller.unreachable', 'nobody there')
    const started = poller.start()
    await settle()
    state.failure = undefined
    await advance(clock, 6250)
    await started
    expect(poller.services.size).toBe(1)
  })

  it('is left alone after stop', async () => {
    const { poller, clock } = scene([service('a')])
    await poller.start()
    poller.stop()
    expect(clock.pending).toBe(0)
    await expect(poller.pollNow()).rejects.toMatchObject({ code: 'overlay.closed' })
  })
})
