import { describe, expect, it } from 'vitest'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import { ContentType, encodeString, HeaderId, uint32Header } from '../wire.ts'
import { unprovenLife } from './channel.ts'
import type { ChannelReceiver } from './connection-table.ts'

const receiver = (heard: string[] = []): ChannelReceiver => ({
  kind: 'dial',
  receive: (frame) => void heard.push(Buffer.from(frame.body).toString()),
  drained: () => {},
  channelLost: (error) => void heard.push(error.code),
  inspect: () => '{}',
})
const codeOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'resolved', (error: { code: string }) => error.code)
const uuid = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

describe('hello (protocol section 3.6)', () => {
  it('learns who the router is', async () => {
    const { channel } = await new ScriptedRouter().welcomes()
    expect(channel.hello).toEqual({ routerId: 'router1', version: 'v2.0.3', supportsBindSuccess: true })
  })

  it('rejects with the words of the router', async () => {
    const router = new ScriptedRouter()
    const opened = router.channel.open('token', 1000)
    const hello = router.gets({ type: 'Hello' })
    router.gives({ type: 'Result', replyFor: hello.sequence, text: 'go away' }, [[HeaderId.ResultSuccess, Uint8Array.of(0)]])
    await expect(opened).rejects.toMatchObject({ code: 'channel.rejected', message: expect.stringContaining('go away') })
    expect(router.transportClosed).toBe(true)
  })

  it('gives up when nothing comes', async () => {
    const router = new ScriptedRouter()
    const opened = codeOf(router.channel.open('token', 1000))
    router.clock.advance(1000)
    expect(await opened).toBe('channel.timeout')
  })

  it('takes a close soon after success for a refusal of the token', async () => {
    const { channel, clock } = await new ScriptedRouter().welcomes()
    clock.advance(5_200)
    channel.lost()
    expect(channel.closed?.code).toBe('channel.unauthorized')
  })

  it('does not, once the router has served us or some time has passed', async () => {
    const served = await new ScriptedRouter().welcomes()
    served.gives({ type: 'BindSuccess', connId: 5 })
    served.channel.lost()
    expect(served.channel.closed?.code).toBe('channel.lost')
    const old = await new ScriptedRouter().welcomes()
    old.clock.advance(unprovenLife)
    old.channel.lost()
    expect(old.channel.closed?.code).toBe('channel.lost')
  })
})

describe('replies', () => {
  it('are found by ReplyFor before any routing by connection id (protocol section 11.1)', async () => {
    const router = await new ScriptedRouter().welcomes()
    const heard: string[] = []
    const connId = router.channel.connections.allocate(receiver(heard))
    let reply: unknown
    router.channel.request({ contentType: ContentType.Connect, headers: [] }, 1000, (frame) => (reply = typeof frame === 'string' ? frame : frame.contentType))
    const asked = router.gets({ type: 'Connect' })
    router.gives({ type: 'StateClosed', connId, replyFor: asked.sequence, text: 'sink id 1 already in use' })
    expect(reply).toBe(ContentType.StateClosed)
    expect(heard).toEqual([])
  })

  it('that come too late are counted; a late StateConnected is answered with StateClosed', async () => {
    const router = await new ScriptedRouter().welcomes()
    const replies: unknown[] = []
    router.channel.request({ contentType: ContentType.Connect, headers: [] }, 1000, (reply) => replies.push(reply))
    const asked = router.gets({ type: 'Connect' })
    router.clock.advance(1000)
    expect(replies).toEqual(['timeout'])
    router.gives({ type: 'StateConnected', connId: 9, replyFor: asked.sequence })
    router.gets({ type: 'StateClosed', connId: 9 })
    expect(router.channel.stats.lateReplies).toBe(1)
  })

  it('are reported as closed when the channel ends', async () => {
    const router = await new ScriptedRouter().welcomes()
    const update = codeOf(router.channel.updateToken('new'))
    router.gets({ type: 'UpdateToken', text: 'new' })
    router.clock.advance(8_000)
    router.channel.lost()
    expect(await update).toBe('channel.lost')
  })
})

describe('UpdateToken (protocol section 3.8)', () => {
  it('resolves, is refused, or times out after 10 s', async () => {
    const router = await new ScriptedRouter().welcomes()
    const first = router.channel.updateToken('one')
    router.gives({ type: 'UpdateTokenSuccess', replyFor: router.gets({ type: 'UpdateToken' }).sequence })
    await first
    const second = codeOf(router.channel.updateToken('two'))
    router.gives({ type: 'UpdateTokenFailure', replyFor: router.gets({ type: 'UpdateToken' }).sequence, text: 'expired' })
    expect(await second).toBe('channel.unauthorized')
    const third = codeOf(router.channel.updateToken('three'))
    router.gets({ type: 'UpdateToken' })
    router.clock.advance(10_000)
    expect(await third).toBe('channel.timeout')
  })
})

describe('latency probes (protocol section 3.8)', () => {
  it('are sent every 30 s and averaged', async () => {
    const router = await new ScriptedRouter().welcomes()
    router.clock.advance(30_000)
    const probe = router.gets({ type: 'Latency' })
    router.clock.advance(80)
    router.gives({ type: 'Result', replyFor: probe.sequence }, [[HeaderId.Uuid, uuid]])
    expect(router.channel.latency).toBe(20)
    router.clock.advance(29_920)
    router.gets({ type: 'Latency' })
  })

  it('close the channel when nothing at all comes back within 10 s', async () => {
    const router = await new ScriptedRouter().welcomes()
    router.clock.advance(30_000)
    router.gets({ type: 'Latency' })
    router.clock.advance(9_999)
    expect(router.channel.closed).toBeUndefined()
    router.clock.advance(1)
    expect(router.channel.closed?.code).toBe('channel.dead')
  })

  it('do not when something else was read', async () => {
    const router = await new ScriptedRouter().welcomes()
    router.clock.advance(30_000)
    router.clock.advance(5_000)
    router.gives({ type: 'Data', connId: 77 })
    router.clock.advance(5_000)
    expect(router.channel.closed).toBeUndefined()
    expect(router.channel.latency).toBe(2_500)
  })

  it('never do while data is unsent or reading is paused (protocol section 11.3)', async () => {
    const unsent = await new ScriptedRouter().welcomes()
    unsent.takesWrites = false
    unsent.clock.advance(30_000)
    unsent.turn()
    unsent.clock.advance(60_000)
    expect(unsent.channel.closed).toBeUndefined()
    const paused = await new ScriptedRouter().welcomes()
    const holder = {}
    paused.channel.holdReading(holder)
    for (let minutes = 0; minutes < 3; minutes += 1) {
      paused.clock.advance(60_000)
      paused.turn()
    }
    expect(paused.channel.closed).toBeUndefined()
  })

  it('nor while the router may have stopped behind data that the kernel has taken', async () => {
    const router = await new ScriptedRouter().welcomes()
    for (let count = 0; count < 16; count += 1) router.channel.data(5, 0, 60_000)
    router.turn()
    expect(router.channel.unsentBytes).toBe(0)
    router.received.length = 0
    router.clock.advance(30_000)
    router.gets({ type: 'Latency' })
    router.clock.advance(30_000)
    const second = router.gets({ type: 'Latency' })
    expect([router.channel.closed, router.channel.silent]).toEqual([undefined, true])
    router.gives({ type: 'Result', replyFor: second.sequence })
    expect(router.channel.silent).toBe(false)
    router.clock.advance(30_000)
    router.gets({ type: 'Latency' })
    router.clock.advance(10_000)
    expect(router.channel.closed?.code).toBe('channel.dead')
  })

  it('but do in the end, when it stays silent', async () => {
    const router = await new ScriptedRouter().welcomes()
    for (let count = 0; count < 16; count += 1) router.channel.data(5, 0, 60_000)
    for (let half = 0; half < 6; half += 1) {
      router.turn()
      expect(router.channel.closed).toBeUndefined()
      router.clock.advance(30_000)
    }
    router.turn()
    router.clock.advance(10_000)
    expect(router.channel.closed?.code).toBe('channel.dead')
  })

  it('nor when reading went on only a moment ago', async () => {
    const router = await new ScriptedRouter().welcomes()
    const holder = {}
    router.channel.holdReading(holder)
    router.clock.advance(30_000)
    router.gets({ type: 'Latency' })
    router.clock.advance(9_990)
    router.channel.releaseReading(holder)
    router.clock.advance(10)
    expect(router.channel.closed).toBeUndefined()
  })
})

describe('questions of the router', () => {
  it('Latency gets its header 128 back', async () => {
    const router = await new ScriptedRouter().welcomes()
    const sequence = router.gives({ type: 'Latency' }, [[HeaderId.Uuid, uuid]])
    expect(router.gets({ type: 'Result', replyFor: sequence }).headers.get(HeaderId.Uuid)).toEqual(uuid)
  })

  it('Inspect, ConnInspect and TraceRoute are answered', async () => {
    const router = await new ScriptedRouter().welcomes()
    const connId = router.channel.connections.allocate(receiver())
    router.gets({ type: 'InspectResponse', replyFor: router.gives({ type: 'InspectRequest' }), text: '{"success":true,"values":{},"errors":[]}' })
    const inspected = router.gets({ type: 'ConnInspectResponse', replyFor: router.gives({ type: 'ConnInspectRequest', connId }), connId })
    expect(inspected.headers.get(HeaderId.ConnType)).toEqual(Uint8Array.of(1))
    const traced = router.gets({ type: 'TraceRouteResponse', replyFor: router.gives({ type: 'TraceRoute', connId }, [[HeaderId.TraceHopCount, Uint8Array.of(2, 0, 0, 0)]]) })
    expect(uint32Header(traced.headers, HeaderId.TraceHopCount)).toBe(1)
  })

  it('a Dial for nobody is refused at once', async () => {
    const router = await new ScriptedRouter().welcomes()
    router.gets({ type: 'DialFailed', replyFor: router.gives({ type: 'Dial', connId: 3 }), connId: 3 })
  })
})

it('does not pile up answers for a router that asks and does not read', async () => {
  const router = await new ScriptedRouter().welcomes()
  router.takesWrites = false
  for (let count = 0; count < 400; count += 1) router.gives({ type: 'Latency' }, [[HeaderId.Uuid, new Uint8Array(60_000)]])
  expect(router.channel.stats.droppedAnswers).toBeGreaterThan(100)
  expect(router.channel.unsentBytes).toBeLessThan(10 * 1024 * 1024)
})

it('ends, and tells all, when the router speaks something else', async () => {
  const router = await new ScriptedRouter().welcomes()
  const heard: string[] = []
  router.channel.connections.allocate(receiver(heard))
  router.channel.reader.push(encodeString('HTTP/1.1 400 Bad Request\r\n\r\n'))
  expect(router.channel.closed?.code).toBe('channel.protocol')
  expect(heard).toEqual(['channel.protocol'])
  expect(router.transportClosed).toBe(true)
})
