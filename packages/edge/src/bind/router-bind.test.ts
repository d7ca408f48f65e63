import { silentLog, type CodedError, type Flow } from '@tunnel/flow'
import { beforeEach, describe, expect, it } from 'vitest'
import { PlaintextSlabs } from '../circuit/plaintext-slabs.ts'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import { encodeString, encodeUint32, HeaderId, loadCrypto, stringHeader, type Crypto, type KeyPair } from '../wire.ts'
import { silenceLimit, type IncomingCall } from './incoming-call.ts'
import { parseAppData } from './incoming-dial.ts'
import { RouterBind, type BindEnd } from './router-bind.ts'

let crypto: Crypto
let router: ScriptedRouter
let calls: IncomingCall[]
let ends: BindEnd[]
let established: number

beforeEach(async () => {
  crypto = await loadCrypto()
  router = await new ScriptedRouter().welcomes()
  calls = []
  ends = []
  established = 0
})

const listenerId = '7b0c0f0e-0000-4000-8000-000000000001'
const bindId = 1
const newId = 0x80_00_00_01

function bind(keyPair?: KeyPair, cost = 0): RouterBind {
  const made = new RouterBind({
    connection: { channel: router.channel, slabs: new PlaintextSlabs(), crypto },
    clock: router.clock,
    log: silentLog,
    service: 'web',
    sessionToken: 'bind-token',
    request: { listenerId, cost, precedence: 'default', ...(keyPair && { publicKey: keyPair.publicKey }) },
    ...(keyPair && { keyPair }),
    accept: (call) => calls.push(call),
    established: () => (established += 1),
    ended: (end) => ends.push(end),
  })
  made.open()
  return made
}

const bound = (keyPair?: KeyPair): RouterBind => {
  const made = bind(keyPair)
  router.gives({ type: 'StateConnected', connId: bindId, replyFor: router.gets({ type: 'Bind', connId: bindId }).sequence })
  router.gives({ type: 'BindSuccess', connId: bindId })
  return made
}
const idHeader = [HeaderId.RouterProvidedConnId, encodeUint32(newId)] as const
const hear = (flow: Flow): { text: string[]; closes: (CodedError | undefined)[] } => {
  const heard = { text: [] as string[], closes: [] as (CodedError | undefined)[] }
  flow.attach({ data: (chunk) => heard.text.push(Buffer.from(chunk).toString()), end() {}, drain() {}, close: (error) => heard.closes.push(error) })
  return heard
}

describe('Bind (protocol section 5.1)', () => {
  it('asks for what we need and is established by BindSuccess', () => {
    const made = bind()
    const request = router.gets({ type: 'Bind', connId: bindId, text: 'bind-token' })
    expect(stringHeader(request.headers, HeaderId.ListenerId)).toBe(listenerId)
    for (const id of [HeaderId.RouterProvidedConnId, HeaderId.SupportsInspect, HeaderId.SupportsBindSuccess]) expect(request.headers.get(id)).toEqual(Uint8Array.of(1))
    router.gives({ type: 'StateConnected', connId: bindId, replyFor: request.sequence })
    expect(made.established).toBe(false)
    // ConnInspect comes before BindSuccess (protocol section 11.5).
    const answer = router.gets({ type: 'ConnInspectResponse', replyFor: router.gives({ type: 'ConnInspectRequest', connId: bindId }), connId: bindId })
    expect(answer.headers.get(HeaderId.ConnType)).toEqual(Uint8Array.of(2))
    expect(answer.body.length).toBeGreaterThan(2)
    router.gives({ type: 'BindSuccess', connId: bindId })
    expect([made.established, established]).toEqual([true, 1])
  })

  it('repeats cost and precedence with UpdateBind, as a replaced terminator keeps the old ones', () => {
    bind(undefined, 10)
    router.gives({ type: 'StateConnected', connId: bindId, replyFor: router.gets({ type: 'Bind' }).sequence })
    router.gives({ type: 'BindSuccess', connId: bindId })
    expect(router.gets({ type: 'UpdateBind', connId: bindId, text: 'bind-token' }).headers.get(HeaderId.Cost)).toEqual(Uint8Array.of(10, 0))
  })

  it('is established with the terms of then, not of when it was asked for', () => {
    const made = bind(undefined, 10)
    const request = router.gets({ type: 'Bind' })
    made.update({ cost: 20, precedence: 'default' })
    expect(router.next()).toBeUndefined()
    router.gives({ type: 'StateConnected', connId: bindId, replyFor: request.sequence })
    made.update({ cost: 30, precedence: 'failed' })
    expect(router.gets({ type: 'UpdateBind' }).headers.get(HeaderId.Cost)).toEqual(Uint8Array.of(30, 0))
    router.gives({ type: 'BindSuccess', connId: bindId })
    const last = router.gets({ type: 'UpdateBind', connId: bindId }).headers
    expect([last.get(HeaderId.Cost), last.get(HeaderId.Precedence)]).toEqual([Uint8Array.of(30, 0), Uint8Array.of(2)])
  })

  it('tells of new terms also when they are back at the default', () => {
    const made = bind(undefined, 10)
    const request = router.gets({ type: 'Bind' })
    made.update({ cost: 0, precedence: 'default' })
    router.gives({ type: 'StateConnected', connId: bindId, replyFor: request.sequence })
    router.gives({ type: 'BindSuccess', connId: bindId })
    expect(router.gets({ type: 'UpdateBind', connId: bindId }).headers.get(HeaderId.Cost)).toEqual(Uint8Array.of(0, 0))
  })

  it('ends when no answer comes within 5 s', () => {
    bind()
    router.gets({ type: 'Bind' })
    router.clock.advance(5_000)
    expect(ends).toEqual(['lost'])
    router.gets({ type: 'StateClosed', connId: bindId })
  })

  it('withdraws with Unbind and StateClosed', () => {
    const made = bound()
    made.close()
    router.gets({ type: 'Unbind', connId: bindId, text: 'bind-token' })
    router.gets({ type: 'StateClosed', connId: bindId })
    expect(ends).toEqual([])
  })

  for (const [hint, text, end] of [
    [undefined, 'gone', 'lost'],
    [2, 'session expired', 'session'],
    [3, 'not for you', 'never'],
    [0, 'found a newer terminator for listener id', 'replaced'],
  ] as const) {
    it(`'${text}' ends it as ${end}`, () => {
      bound()
      const headers = hint === undefined ? [] : [[HeaderId.StructuredError, encodeString(JSON.stringify({ retryHint: hint }))] as const]
      router.gives({ type: 'StateClosed', connId: bindId, text }, headers)
      expect(ends).toEqual([end])
    })
  }
})

describe('an incoming dial (protocol section 5.2)', () => {
  it('is accepted with the id that the router chose', async () => {
    bound()
    const appData = encodeString('{"dst_port":"80","n":1,"list":[]}')
    const dial = router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader, [HeaderId.AppData, appData], [HeaderId.DialerIdentityName, encodeString('alice')]])
    expect(calls[0]).toMatchObject({ service: 'web', dialerIdentityName: 'alice', appData: { dst_port: '80', n: '1' } })
    const heard = hear(calls[0]!.accept())
    const success = router.gets({ type: 'DialSuccess', connId: bindId, replyFor: dial })
    expect(success.body).toEqual(encodeUint32(newId))
    router.gives({ type: 'Data', connId: newId, text: 'hello' })
    await Promise.resolve()
    expect(heard.text).toEqual(['hello'])
  })

  it('without an id gets one of ours, and no data before the router has agreed', async () => {
    bound()
    const dial = router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' })
    const flow = calls[0]!.accept()
    hear(flow)
    flow.send(Buffer.from('early'))
    const success = router.gets({ type: 'DialSuccess', connId: bindId, replyFor: dial })
    expect(success.body).toEqual(encodeUint32(2))
    expect(router.next()).toBeUndefined()
    router.gives({ type: 'StateConnected', connId: bindId, replyFor: success.sequence }, [[HeaderId.Seq, encodeUint32(2)]])
    router.gets({ type: 'Data', connId: 2, text: 'early' })
  })

  it('without an id lets a sender go on that had to wait for the agreement, also one that attaches late', async () => {
    bound()
    const confirm = (): void => void router.gives({ type: 'StateConnected', connId: bindId, replyFor: router.gets({ type: 'DialSuccess' }).sequence })
    const drains = [0, 0]
    for (const [index, attachFirst] of [true, false].entries()) {
      router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' })
      const flow = calls[index]!.accept()
      const attach = (): void => flow.attach({ data() {}, end() {}, drain: () => void (drains[index]! += 1), close() {} })
      if (attachFirst) attach()
      expect(flow.send(Buffer.from('early'))).toBe(false)
      confirm()
      router.gets({ type: 'Data', text: 'early' })
      router.turn()
      if (!attachFirst) attach()
      router.turn()
    }
    expect(drains).toEqual([1, 1])
  })

  it('without an id does not end the bind when the router agrees too late', async () => {
    bound()
    router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' })
    const heard = hear(calls[0]!.accept())
    const success = router.gets({ type: 'DialSuccess', connId: bindId })
    router.clock.advance(5_000)
    await Promise.resolve()
    expect(heard.closes[0]?.code).toBe('bind.unconfirmed')
    router.gets({ type: 'StateClosed', connId: 2 })
    router.gives({ type: 'StateConnected', connId: bindId, replyFor: success.sequence }, [[HeaderId.Seq, encodeUint32(2)]])
    expect(router.next()).toBeUndefined()
  })

  it('with another token is refused', () => {
    bound()
    router.gets({ type: 'DialFailed', connId: bindId, replyFor: router.gives({ type: 'Dial', connId: bindId, text: 'other' }, [idHeader]), text: 'invalid token' })
    expect(calls).toEqual([])
  })

  it('is refused with the reason of the host', () => {
    bound()
    const dial = router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader])
    calls[0]!.refuse('connection refused')
    router.gets({ type: 'DialFailed', connId: bindId, replyFor: dial, text: 'connection refused' })
    expect(() => calls[0]!.accept()).toThrow(expect.objectContaining({ code: 'bind.answered' }))
  })

  it('is refused by itself after 5 s; what is accepted later is dead', async () => {
    bound()
    const dial = router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader])
    router.clock.advance(5_000)
    router.gets({ type: 'DialFailed', connId: bindId, replyFor: dial })
    const heard = hear(calls[0]!.accept())
    await Promise.resolve()
    expect(heard.closes[0]?.code).toBe('bind.late-answer')
    expect(router.next()).toBeUndefined()
  })

  it('is refused while a thousand others wait for an answer', () => {
    bound()
    const dial = (): number => router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader])
    for (let count = 0; count < 1_000; count += 1) dial()
    router.gets({ type: 'DialFailed', connId: bindId, replyFor: dial() })
    expect(calls).toHaveLength(1_000)
    calls[0]!.refuse('busy')
    dial()
    expect(calls).toHaveLength(1_001)
    router.clock.advance(5_000)
    dial()
    expect(calls).toHaveLength(1_002)
  })

  it('is dropped when the router has not read our answers for long', () => {
    bound()
    router.takesWrites = false
    for (let count = 0; count < 9 * 16; count += 1) router.channel.data(7, 0, 64 * 1024)
    router.turn()
    router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader])
    expect(calls).toEqual([])
    expect(router.channel.stats.droppedAnswers).toBe(1)
  })

  it('without a key is refused where the service requires encryption', () => {
    bound(crypto.keyPair())
    router.gets({ type: 'DialFailed', connId: bindId, replyFor: router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader]) })
  })

  it('with a key is encrypted with the key of the bind; a silent dialer is given up', async () => {
    const keyPair = crypto.keyPair()
    const dialer = crypto.keyPair()
    bound(keyPair)
    router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [idHeader, [HeaderId.PublicKey, dialer.publicKey]])
    const heard = hear(calls[0]!.accept())
    router.gets({ type: 'DialSuccess', connId: bindId })
    expect(router.gets({ type: 'Data', connId: newId }).body).toHaveLength(24)
    router.clock.advance(silenceLimit)
    await Promise.resolve()
    expect(heard.closes[0]?.code).toBe('bind.silent')
    router.gets({ type: 'StateClosed', connId: newId })
  })

  it('leaves no timer behind once the dialer was heard, or is gone', () => {
    bound(crypto.keyPair())
    const pending = router.clock.pending
    const call = (connId: number): void => {
      router.gives({ type: 'Dial', connId: bindId, text: 'bind-token' }, [[HeaderId.RouterProvidedConnId, encodeUint32(connId)], [HeaderId.PublicKey, crypto.keyPair().publicKey]])
      calls.pop()!.accept()
    }
    call(newId)
    call(newId + 1)
    expect(router.clock.pending).toBe(pending + 2)
    router.gives({ type: 'Data', connId: newId }, [], new Uint8Array(24))
    router.gives({ type: 'StateClosed', connId: newId + 1 })
    expect(router.clock.pending).toBe(pending)
  })
})

it('AppData of any kind does no harm', () => {
  for (const odd of ['', 'null', '[]', '{', '"text"', '3']) expect(parseAppData(encodeString(odd))).toEqual({})
  expect(parseAppData(undefined)).toEqual({})
})
