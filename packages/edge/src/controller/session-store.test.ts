import { CodedError } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { apiError } from './api-error.ts'
import { createDeferred } from './deferred.ts'
import { createSessionStore, type SessionStoreOptions } from './session-store.ts'
import { serviceSessionError } from './session-error.ts'
import { readCapture } from './testing/captures.ts'
import { advance, settle } from './testing/settle.ts'
import type { ServiceSession } from './types.ts'

const router = (name: string) => ({ name, url: `tls://${name}:1`, host: name, port: 1, online: true })

function scene(options: Partial<SessionStoreOptions> = {}) {
  const clock = createVirtualClock()
  const state = { made: 0, failure: undefined as Error | undefined, missing: [] as string[], routerReads: [] as string[], gate: Promise.resolve() }
  const store = createSessionStore({
    clock, random: () => 0.5, serviceMissing: (id) => state.missing.push(id),
    controller: {
      async createSession(serviceId, type): Promise<ServiceSession> {
        state.made += 1
        await state.gate
        if (state.failure !== undefined) throw state.failure
        return { id: `id-${state.made}`, token: `token-${state.made}`, serviceId, type, routers: [router('r1')] }
      },
      async serviceEdgeRouters(serviceId, token) {
        state.routerReads.push(`${serviceId} ${token}`)
        if (state.failure !== undefined) throw state.failure
        return [router('r2')]
      },
      sessionEdgeRouters: async (id) => [router(`stored-${id}`)],
    },
    ...options,
  })
  return { clock, state, store }
}

const captured = (name: string) => {
  const { status, body } = readCapture(name)
  return apiError({ status, headers: {}, body: JSON.stringify(body) }, 'c', 'POST /sessions')
}

describe('service sessions', () => {
  it('are made once for all who ask, and kept per service and type', async () => {
    const { store, state } = scene()
    const sessions = await Promise.all([store.dial('a'), store.dial('a'), store.dial('a')])
    expect(new Set(sessions).size).toBe(1)
    await store.dial('a')
    expect(state.made).toBe(1)
    expect(await store.bind('a')).toMatchObject({ type: 'Bind', token: 'token-2' })
    expect(await store.dial('b')).toMatchObject({ serviceId: 'b', token: 'token-3' })
    expect(store.size).toBe(3)
  })

  it('are made anew when one is invalidated, but not for a late report about the one before', async () => {
    const { store } = scene()
    const first = await store.dial('a')
    store.invalidate(first)
    const second = await store.dial('a')
    expect(second.token).toBe('token-2')
    store.invalidate(first)
    expect(await store.dial('a')).toBe(second)
  })

  it('do not outlive the login or the service that they are of, also while they are made', async () => {
    const { store, state } = scene()
    const gate = createDeferred<void>()
    state.gate = gate.promise
    const early = store.dial('a')
    await settle()
    store.clear()
    gate.resolve()
    expect((await early).token).toBe('token-1')
    expect((await store.dial('a')).token).toBe('token-2')
    store.forget('a')
    expect((await store.dial('a')).token).toBe('token-3')
  })

  it('are bounded: the least used goes first', async () => {
    const { store, state } = scene({ limit: 2 })
    await store.dial('a')
    await store.dial('b')
    await store.dial('a')
    await store.dial('c')
    expect(store.size).toBe(2)
    await store.dial('a')
    expect(state.made).toBe(3)
    await store.dial('b')
    expect(state.made).toBe(4)
  })
})

describe('routers of a session', () => {
  it('are read again on use after an hour, behind the back of the caller', async () => {
    const { store, state, clock } = scene()
    await store.dial('a')
    await advance(clock, 3_600_000)
    expect((await store.dial('a')).routers[0]!.name).toBe('r1')
    await advance(clock, 1)
    expect((await store.dial('a')).routers[0]!.name).toBe('r1')
    await settle()
    expect((await store.dial('a')).routers[0]!.name).toBe('r2')
    expect(state.routerReads).toEqual(['a token-1'])
  })

  it('are read again on demand, and from the stored session by old controllers', async () => {
    const { store, state } = scene()
    const session = await store.dial('a')
    expect((await store.refreshRouters(session)).routers[0]!.name).toBe('r2')
    state.failure = new CodedError('controller.not-found', 'no such path')
    expect((await store.refreshRouters(session)).routers[0]!.name).toBe('stored-id-1')
    expect((await store.dial('a')).token).toBe('token-1')
  })
})

describe('a session that cannot be had', () => {
  it.each([
    ['legacy-session-dial-posture', 'Dial', 'dial.posture'],
    ['legacy-session-bind-denied', 'Bind', 'dial.no-service'],
    ['oidc-session-get-echo', 'Dial', 'dial.no-service'],
  ] as const)('%s for %s is %s', (name, type, code) => {
    expect(serviceSessionError(captured(name), 'a', type)).toMatchObject({ code, detail: { serviceId: 'a' } })
  })

  it('for want of routers is dial.no-router', () => {
    const error = apiError({ status: 400, headers: {}, body: '{"error":{"code":"NO_EDGE_ROUTERS_AVAILABLE","message":"none"}}' }, 'c', 'POST /sessions')
    expect(serviceSessionError(error, 'a', 'Dial').code).toBe('dial.no-router')
  })

  it('because the service is gone is final, and makes the list be read', async () => {
    const { store, state } = scene()
    state.failure = captured('oidc-session-bind-denied')
    await expect(store.dial('a')).rejects.toMatchObject({ code: 'dial.no-service' })
    expect(state).toMatchObject({ missing: ['a'], made: 1 })
  })

  it('because the controller is away is tried after 50, 100, 200 ... ms within the time given', async () => {
    const { store, state, clock } = scene()
    state.failure = new CodedError('controller.unreachable', 'nobody there')
    const failed = expect(store.dial('a', { timeout: 1000 })).rejects.toMatchObject({ code: 'controller.unreachable' })
    await settle()
    for (const [wait, made] of [[49, 1], [1, 2], [100, 3], [200, 4], [399, 4], [1, 5]] as const) {
      await advance(clock, wait)
      expect(state.made).toBe(made)
    }
    await failed
    state.failure = undefined
    expect((await store.dial('a')).token).toBe('token-6')
  })

  it('in time is given up by each caller for himself', async () => {
    const { store, state, clock } = scene()
    const gate = createDeferred<void>()
    state.gate = gate.promise
    const abort = new AbortController()
    const patient = store.dial('a', { timeout: 5000 })
    const hasty = expect(store.dial('a', { timeout: 10 })).rejects.toMatchObject({ code: 'dial.timeout' })
    const fickle = expect(store.dial('a', { signal: abort.signal })).rejects.toMatchObject({ code: 'dial.aborted' })
    await settle()
    abort.abort()
    clock.advance(10)
    await Promise.all([hasty, fickle])
    gate.resolve()
    expect((await patient).token).toBe('token-1')
    expect(clock.pending).toBe(0)
  })

  it('because the identity was stopped says so', async () => {
    const { store, state } = scene()
    state.gate = new Promise(() => {})
    const waiting = expect(store.dial('a')).rejects.toMatchObject({ code: 'overlay.closed' })
    await settle()
    store.close()
    await waiting
    await expect(store.dial('a')).rejects.toMatchObject({ code: 'overlay.closed' })
    expect(state.made).toBe(1)
  })
})
