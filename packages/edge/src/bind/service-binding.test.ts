import type { Service } from '@tunnel/config'
import { CodedError, silentLog } from '@tunnel/flow'
import { beforeEach, describe, expect, it } from 'vitest'
import { RouterPool } from '../channel/router-pool.ts'
import { PlaintextSlabs } from '../circuit/plaintext-slabs.ts'
import type { RouterAddress, ServiceSession, SessionStore } from '../controller/types.ts'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import { encodeString, HeaderId, loadCrypto, stringHeader, type Frame } from '../wire.ts'
import { ServiceBinding, type BindOptions } from './service-binding.ts'

const service: Service = { id: 'svc1', name: 'web', encryptionRequired: false, permissions: ['Bind'], config: {} }
const address = (name: string): RouterAddress => ({ name, url: `tls://${name}:1`, host: name, port: 1, online: true })
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let routers: Map<string, ScriptedRouter>
let invalidated: string[]
let sessionError: CodedError | undefined
let made: number
let sessionReads: number

beforeEach(async () => {
  routers = new Map()
  for (const name of ['a', 'b', 'c', 'd']) routers.set(name, await new ScriptedRouter().welcomes())
  invalidated = []
  sessionError = undefined
  made = 1
  sessionReads = 0
})

const router = (name: string): ScriptedRouter => routers.get(name)!
/** All routers share the clock of the first. */
const advance = async (span: number): Promise<void> => {
  router('a').clock.advance(span)
  await settled()
  await settled()
}

async function bind(options: BindOptions = {}): Promise<ServiceBinding> {
  const { clock } = router('a')
  const session = (): ServiceSession => ({ id: `s${made}`, token: `token${made}`, serviceId: 'svc1', type: 'Bind', routers: [...routers.keys()].map(address) })
  const sessions: SessionStore = {
    size: 1,
    dial: async () => session(),
    bind: async () => {
      sessionReads += 1
      if (sessionError) throw sessionError
      return session()
    },
    invalidate: ({ id }) => {
      invalidated.push(id)
      made += 1
    },
    refreshRouters: async (old) => old,
    close: () => {},
  }
  const pool = new RouterPool({ channelsPerRouter: 1, clock, log: silentLog, random: () => 1, open: async ({ name }) => router(name).channel })
  const binding = new ServiceBinding({ sessions, pool, crypto: await loadCrypto(), slabs: new PlaintextSlabs(), clock, log: silentLog, random: () => 1 }, service, options, () => {})
  await settled()
  return binding
}

const establishes = (name: string): Frame => {
  const request = router(name).gets({ type: 'Bind', connId: 1 })
  router(name).gives({ type: 'StateConnected', connId: 1, replyFor: request.sequence })
  router(name).gives({ type: 'BindSuccess', connId: 1 })
  return request
}

describe('a binding', () => {
  it('binds on maxConnections routers with one listener id, and is ready with the first', async () => {
    const binding = await bind({ maxConnections: 2, identity: 'inst' })
    const ids = ['a', 'b'].map((name) => stringHeader(establishes(name).headers, HeaderId.ListenerId))
    expect(new Set(ids).size).toBe(1)
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/)
    await binding.ready
    expect(binding.established).toBe(2)
    expect(router('c').next()).toBeUndefined()
  })

  it('takes another router when one is lost, and the lost one again after a while', async () => {
    const binding = await bind({ maxConnections: 1 })
    establishes('a')
    router('a').gives({ type: 'StateClosed', connId: 1, text: 'gone' })
    expect(binding.established).toBe(0)
    await advance(1_000)
    const again = [...routers.values()].map((each) => each.next()?.contentType).filter((type) => type !== undefined)
    expect(again).toHaveLength(1)
  })

  it('asks for a new session when the router says so', async () => {
    await bind({ maxConnections: 1 })
    const request = router('a').gets({ type: 'Bind', text: 'token1' })
    router('a').gives({ type: 'StateClosed', connId: 1, replyFor: request.sequence, text: 'invalid' }, [[HeaderId.StructuredError, encodeString('{"retryHint":2}')]])
    expect(invalidated).toEqual(['s1'])
    await advance(1_000)
    const retried = [...routers.values()].map((each) => each.next()).find((frame) => frame !== undefined)
    expect(Buffer.from(retried!.body).toString()).toBe('token2')
  })

  it('does not fight a newer terminator with its listener id (protocol section 11.5)', async () => {
    for (const name of ['b', 'c', 'd']) routers.delete(name)
    await bind({ maxConnections: 1 })
    establishes('a')
    router('a').gives({ type: 'StateClosed', connId: 1, text: 'found a newer terminator for listener id' })
    await advance(25_000)
    expect(router('a').next()).toBeUndefined()
  })

  it('forgets a lost router that the controller no longer names', async () => {
    for (const name of ['c', 'd']) routers.delete(name)
    await bind({ maxConnections: 3 })
    for (const name of ['a', 'b']) establishes(name)
    const asked = sessionReads
    router('b').gives({ type: 'StateClosed', connId: 1, text: 'gone' })
    routers.delete('b')
    for (let seconds = 0; seconds < 10; seconds += 1) await advance(1_000)
    expect(sessionReads - asked).toBeLessThan(5)
  })

  it('gives up for good when the service is gone', async () => {
    sessionError = new CodedError('dial.no-service', 'no such service')
    const binding = await bind()
    await expect(binding.ready).rejects.toMatchObject({ code: 'dial.no-service' })
  })

  it('tries on while there is no session', async () => {
    sessionError = new CodedError('controller.unreachable', 'down')
    await bind({ maxConnections: 1 })
    expect(router('a').next()).toBeUndefined()
    sessionError = undefined
    await advance(5_000)
    establishes('a')
  })

  it('binds anew, by another channel, where a router takes no new terms since the token of the hello expired', async () => {
    const old = await new ScriptedRouter({ tokenExpiresAt: 4_000 }).welcomes()
    routers = new Map([['a', old]])
    const binding = await bind({ maxConnections: 1 })
    const { headers } = establishes('a')
    binding.update({ precedence: 'failed' })
    old.gets({ type: 'UpdateBind', connId: 1 })
    await advance(4_000)
    const fresh = await new ScriptedRouter().welcomes()
    routers.set('a', fresh)
    binding.update({ precedence: 'default' })
    await settled()
    old.gets({ type: 'Unbind', connId: 1 })
    const again = establishes('a')
    expect(again.headers.get(HeaderId.ListenerId)).toEqual(headers.get(HeaderId.ListenerId))
    // The Bind may have come before the Unbind, and have taken over a terminator that is 'failed'.
    expect(fresh.gets({ type: 'UpdateBind', connId: 1 }).headers.get(HeaderId.Precedence)).toEqual(Uint8Array.of(0))
    expect(binding.established).toBe(1)
  })

  it('asks every two seconds at most as long as routers may not have heard of the service', async () => {
    for (const name of ['b', 'c', 'd']) routers.delete(name)
    await bind({ maxConnections: 1 })
    let asked = 0
    for (let seconds = 0; seconds < 30; seconds += 1) {
      const request = router('a').next()
      if (request) router('a').gives({ type: 'StateClosed', replyFor: request.sequence, text: 'service not found by id' })
      if (request) asked += 1
      await advance(1_000)
    }
    expect(asked).toBeGreaterThanOrEqual(14)
  })

  it('tells all routers of new terms, and withdraws everywhere', async () => {
    const binding = await bind({ maxConnections: 2 })
    for (const name of ['a', 'b']) establishes(name)
    binding.update({ cost: 20, precedence: 'failed' })
    for (const name of ['a', 'b']) {
      const update = router(name).gets({ type: 'UpdateBind', connId: 1 })
      expect([update.headers.get(HeaderId.Cost), update.headers.get(HeaderId.Precedence)]).toEqual([Uint8Array.of(20, 0), Uint8Array.of(2)])
    }
    await binding.close()
    for (const name of ['a', 'b']) {
      router(name).gets({ type: 'Unbind', connId: 1 })
      router(name).gets({ type: 'StateClosed', connId: 1 })
    }
    expect(binding.established).toBe(0)
  })
})
