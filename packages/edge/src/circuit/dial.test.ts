import type { Service } from '@tunnel/config'
import { CodedError, silentLog, type Flow } from '@tunnel/flow'
import { beforeEach, describe, expect, it } from 'vitest'
import { RouterPool } from '../channel/router-pool.ts'
import type { ServiceSession, SessionStore } from '../controller/types.ts'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import { encodeString, HeaderId, loadCrypto, stringHeader, type Crypto, type Frame } from '../wire.ts'
import { Circuit } from './circuit.ts'
import { Dialer, type DialRequest } from './dial.ts'
import { PlaintextSlabs } from './plaintext-slabs.ts'

const service = (encryptionRequired = false): Service => ({ id: 'svc1', name: 'echo', encryptionRequired, permissions: ['Dial'], config: {} })
const codeOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'connected', (error: CodedError) => error.code)
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let crypto: Crypto
let router: ScriptedRouter
let sessions: SessionStore & { readonly log: string[] }
let dialer: Dialer

beforeEach(async () => {
  crypto = await loadCrypto()
  router = await new ScriptedRouter().welcomes()
  const address = { name: 'a', url: 'tls://a:3022', host: 'a', port: 3022, online: true }
  let made = 0
  let valid: ServiceSession | undefined
  const log: string[] = []
  const dial = async (): Promise<ServiceSession> => {
    made += valid ? 0 : 1
    return (valid ??= { id: `s${made}`, token: `token${made}`, serviceId: 'svc1', type: 'Dial', routers: [address] })
  }
  sessions = {
    log,
    dial,
    bind: dial,
    invalidate: ({ id }) => {
      log.push(`invalidate ${id}`)
      valid = undefined
    },
    refreshRouters: async (session) => {
      log.push(`refresh ${session.id}`)
      return session
    },
    size: 1,
    close: () => {},
  }
  const { clock } = router
  const pool = new RouterPool({ channelsPerRouter: 1, clock, log: silentLog, random: () => 0, open: async () => router.channel })
  dialer = new Dialer({ sessions, pool, crypto, slabs: new PlaintextSlabs(), clock, log: silentLog, callerId: () => 'alice' })
})

const dial = (request: Partial<DialRequest> = {}, encryptionRequired = false, signal?: AbortSignal): Promise<Flow> =>
  dialer.dial(service(encryptionRequired), { protocol: 'tcp', ...request }, (connection, info) => new Circuit(connection, info), signal)

const asked = async (): Promise<Frame> => {
  await settled()
  return router.gets({ type: 'Connect' })
}
const refuses = (connect: Frame, text: string): void => void router.gives({ type: 'StateClosed', connId: 1, replyFor: connect.sequence, text })

describe('Connect (protocol section 4.2)', () => {
  it('carries session token, caller, instance and AppData', async () => {
    const flow = dial({ identity: 'inst-1', appData: { dst_port: '80' } })
    const connect = await asked()
    expect(Buffer.from(connect.body).toString()).toBe('token1')
    const text = (id: number): string | undefined => stringHeader(connect.headers, id)
    expect([text(HeaderId.CallerId), text(HeaderId.TerminatorIdentity), text(HeaderId.AppData)]).toEqual(['alice', 'inst-1', '{"dst_port":"80"}'])
    expect(connect.headers.has(HeaderId.PublicKey)).toBe(false)
    router.gives({ type: 'StateConnected', connId: 1, replyFor: connect.sequence }, [[HeaderId.CircuitId, encodeString('circ')]])
    expect((await flow).info).toEqual({ protocol: 'tcp', service: 'echo', circuitId: 'circ' })
  })

  it('sends the stream header and the first data in one write, and takes a header right behind the reply', async () => {
    const flow = dial({}, true)
    const connect = await asked()
    const host = crypto.keyPair()
    const keys = crypto.sessionKeys('host', host, connect.headers.get(HeaderId.PublicKey)!)!
    const encryptor = crypto.encryptor(keys.transmit)
    const body = new Uint8Array(2 + 17)
    encryptor.push(Buffer.from('hi'), body)
    router.gives({ type: 'StateConnected', connId: 1, replyFor: connect.sequence }, [[HeaderId.PublicKey, host.publicKey]])
    router.gives({ type: 'Data', connId: 1 }, [], encryptor.header)
    router.gives({ type: 'Data', connId: 1 }, [], body)
    const circuit = await flow
    const heard: string[] = []
    circuit.attach({ data: (chunk) => heard.push(Buffer.from(chunk).toString()), end() {}, drain() {}, close() {} })
    circuit.send(Buffer.from('hello'))
    await settled()
    expect(heard).toEqual(['hi'])
    router.takesWrites = false
    router.turn()
    expect(router.unwritten).toHaveLength(1)
    expect(router.received.map((frame) => frame.body.length)).toEqual([24, 5 + 17])
  })
})

describe('refusals (protocol section 11.1)', () => {
  for (const [text, code] of [
    ['service svc1 has no terminators', 'dial.no-terminator'],
    ['service svc1 has no terminators for instanceId x', 'dial.no-terminator'],
    ['encryption required on service, initiator did not send public header', 'dial.encryption-required'],
    ['exceeded maximum [2] retries creating circuit [c] (connection refused)', 'dial.refused'],
  ] as const) {
    it(`'${text.slice(0, 40)}...' is ${code}, without another try`, async () => {
      const failed = codeOf(dial())
      refuses(await asked(), text)
      expect(await failed).toBe(code)
      await settled()
      expect(router.next()).toBeUndefined()
      expect(router.channel.connections.size).toBe(0)
    })
  }

  it.each([
    'Invalid Session',
    'unable to get service token: no such session',
    // Dialled by a channel of a new login with a session of the old one.
    'failed to create service token from JWT: api session id (a) does not match service session api session id (b)',
  ])('of the session lead to one more try with a new one: %s', async (reason) => {
    const flow = codeOf(dial())
    refuses(await asked(), reason)
    const again = await asked()
    expect(Buffer.from(again.body).toString()).toBe('token2')
    expect(sessions.log).toEqual(['invalidate s1'])
    refuses(again, 'Invalid Session')
    expect(await flow).toBe('dial.refused')
    expect(router.next()).toBeUndefined()
  })

  it('a host without a key on a service that requires encryption is never talked to in the clear', async () => {
    const failed = codeOf(dial({}, true))
    const connect = await asked()
    router.gives({ type: 'StateConnected', connId: 1, replyFor: connect.sequence })
    expect(await failed).toBe('dial.encryption-required')
    router.gets({ type: 'StateClosed', connId: 1 })
    expect(router.next()).toBeUndefined()
  })

  it('an identity without permission does not even ask', async () => {
    const forbidden = dialer.dial({ ...service(), permissions: ['Bind'] }, { protocol: 'tcp' }, () => 1)
    expect(await codeOf(forbidden)).toBe('dial.not-permitted')
  })
})

describe('a router that breaks under the dial', () => {
  const breaks = async (): Promise<void> => {
    await asked()
    const broken = router.channel
    router = await new ScriptedRouter().welcomes()
    broken.lost(new Error('killed'))
  }
  const connects = async (): Promise<void> => void router.gives({ type: 'StateConnected', connId: 1, replyFor: (await asked()).sequence })

  it('leads to one more try with the routers of now', async () => {
    const flow = codeOf(dial())
    await breaks()
    await connects()
    expect(await flow).toBe('connected')
    expect(sessions.log).toEqual(['refresh s1'])
  })

  it('also while the controller is away', async () => {
    Object.assign(sessions, { refreshRouters: async () => Promise.reject(new CodedError('controller.unreachable', 'down')) })
    const flow = codeOf(dial())
    await breaks()
    await connects()
    expect(await flow).toBe('connected')
  })
})

describe('giving up', () => {
  it('sends StateClosed after the time-out, and again for a late StateConnected', async () => {
    const failed = codeOf(dial({ timeout: 1000 }))
    const connect = await asked()
    router.clock.advance(1000)
    expect(await failed).toBe('dial.timeout')
    router.gets({ type: 'StateClosed', connId: 1 })
    router.gives({ type: 'StateConnected', connId: 1, replyFor: connect.sequence })
    router.gets({ type: 'StateClosed', connId: 1 })
  })

  it('does the same when aborted', async () => {
    const abort = new AbortController()
    const failed = codeOf(dial({}, false, abort.signal))
    const connect = await asked()
    abort.abort()
    expect(await failed).toBe('dial.aborted')
    router.gets({ type: 'StateClosed', connId: 1 })
    router.gives({ type: 'StateConnected', connId: 1, replyFor: connect.sequence })
    router.gets({ type: 'StateClosed', connId: 1 })
    expect(await codeOf(dial({}, false, abort.signal))).toBe('dial.aborted')
  })
})
