import { duplexPair, type Duplex } from 'node:stream'
import { silentLog } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { ContentType, encodeFrame, encodeString, encodeUint32, HeaderId, loadCrypto, type OutgoingFrame } from '@tunnel/edge/wire'
import { describe, expect, it } from 'vitest'
import { createTestNetwork } from '../../packages/devnet/src/router/testing/test-network.ts'
import type { IncomingCall } from '../../packages/edge/src/bind/incoming-call.ts'
import { RouterBind } from '../../packages/edge/src/bind/router-bind.ts'
import { Circuit } from '../../packages/edge/src/circuit/circuit.ts'
import { Connection } from '../../packages/edge/src/circuit/connection.ts'
import { PlaintextSlabs } from '../../packages/edge/src/circuit/plaintext-slabs.ts'
import { ScriptedRouter } from '../../packages/edge/src/testing/scripted-router.ts'
import { connIdEntry, flagsEntry, type Entry } from './support/frames.ts'
import { usedMebibytes } from './support/heap.ts'

/** Much of what is harmless once. Each takes tens or hundreds of MiB where something has no bound. */
const many = 50_000
const boundMebibytes = 24

const grownBy = async (flood: () => void | Promise<void>): Promise<number> => {
  const before = await usedMebibytes()
  await flood()
  return (await usedMebibytes()) - before
}

describe('a router that floods its client', () => {
  const scripted = async () => {
    const router = await new ScriptedRouter().welcomes()
    router.takesWrites = false
    return { router, connection: { channel: router.channel, slabs: new PlaintextSlabs(), crypto: await loadCrypto() } }
  }

  it('with questions, and reads no answer', async () => {
    const { router } = await scripted()
    const question: Entry = [HeaderId.Uuid, new Uint8Array(4000)]
    const grown = await grownBy(() => {
      for (let count = 0; count < many; count += 1) router.gives({ type: 'Latency' }, [question])
    })
    expect(grown).toBeLessThan(boundMebibytes)
  })

  it('with dials that nobody answers', async () => {
    const { router, connection } = await scripted()
    const calls: IncomingCall[] = []
    const bind = new RouterBind({
      connection, clock: router.clock, log: silentLog, service: 'web', sessionToken: 'token', request: { listenerId: 'one', cost: 0, precedence: 'default' },
      accept: (call) => calls.push(call), established() {}, ended() {},
    })
    bind.open()
    const grown = await grownBy(() => {
      for (let count = 0; count < many; count += 1) {
        router.gives({ type: 'Dial', connId: 1, text: 'token' }, [[HeaderId.RouterProvidedConnId, encodeUint32(0x80_00_00_00 + count)]])
        // What the test keeps of it does not count.
        router.received.length = 0
      }
    })
    expect(calls.length).toBeGreaterThan(100)
    expect(grown).toBeLessThan(boundMebibytes)
  })

  it('with a message of eight million parts', async () => {
    const { router, connection: options } = await scripted()
    const connection = new Connection(options)
    const connId = connection.allocate()
    const circuit = new Circuit(connection, { protocol: 'tcp' })
    connection.start()
    const closes: (string | undefined)[] = []
    circuit.attach({ data() {}, end() {}, drain() {}, close: (error) => closes.push(error?.code) })
    const started = performance.now()
    router.channel.reader.push(encodeFrame({ contentType: ContentType.Data, sequence: 1, headers: [connIdEntry(connId), flagsEntry(16)], body: new Uint8Array(16 * 2 ** 20) }))
    await Promise.resolve()
    expect(closes).toEqual(['circuit.malformed'])
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})

describe('clients that flood a router', () => {
  /** Writes frames to a stream as fast as the router takes them. */
  const say = async (stream: Duplex, frames: Iterable<OutgoingFrame>): Promise<void> => {
    for (const frame of frames) if (!stream.write(encodeFrame(frame))) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const open = async (reads: boolean, ...names: readonly string[]) => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    const streams = names.map((name) => {
      const [ours, theirs] = duplexPair()
      router.acceptStream(theirs, { clientCertificate: encodeString(name) })
      if (reads) ours.resume()
      return ours
    })
    for (const [index, name] of names.entries()) await say(streams[index]!, [{ contentType: ContentType.Hello, sequence: -1, headers: [[HeaderId.SessionToken, encodeString(`${name}-token`)]] }])
    return { clock, network, router, streams }
  }
  const bindFrame = (id: number, sequence: number): OutgoingFrame => ({
    contentType: ContentType.Bind, sequence, headers: [connIdEntry(id), [HeaderId.SupportsInspect, Uint8Array.of(1)]], body: encodeString('Bind:echo'),
  })

  it('with binds that they give up as soon as they are there', async () => {
    const { clock, streams: [host] } = await open(true, 'host')
    const grown = await grownBy(async () => {
      for (let round = 0; round < many / 500; round += 1) {
        const ids = Array.from({ length: 500 }, (_, index) => index + 1)
        await say(host!, ids.map((id) => bindFrame(id, id)))
        // The terminators are made, and asked about.
        clock.advance(3)
        await say(host!, ids.map((id) => ({ contentType: ContentType.StateClosed, sequence: id, headers: [connIdEntry(id)] })))
      }
    })
    expect(grown).toBeLessThan(boundMebibytes)
  })

  it('with dials that they give up, to a host that does not read', async () => {
    const { clock, streams: [host, dialer] } = await open(false, 'host', 'alice')
    dialer!.resume()
    await say(host!, [bindFrame(1, 1)])
    clock.advance(10)
    const appData: Entry = [HeaderId.AppData, new Uint8Array(1000)]
    const grown = await grownBy(() => say(dialer!, (function* () {
      for (let count = 0; count < many; count += 1) {
        yield { contentType: ContentType.Connect, sequence: count, headers: [connIdEntry(7), appData], body: encodeString('Dial:echo') }
        yield { contentType: ContentType.StateClosed, sequence: count, headers: [connIdEntry(7)] }
      }
    })()))
    expect(grown).toBeLessThan(boundMebibytes)
  })

  it('with questions, and read no answer', async () => {
    const { streams: [client] } = await open(false, 'alice')
    const question: Entry = [HeaderId.Uuid, new Uint8Array(4000)]
    let written = 0
    const grown = await grownBy(async () => {
      // It stops reading: what is written then stays with the client.
      for (; written < many && client!.writableLength < 100_000; written += 1) await say(client!, [{ contentType: ContentType.Latency, sequence: written, headers: [question] }])
    })
    expect(written).toBeLessThan(many)
    expect(grown).toBeLessThan(boundMebibytes)
  })
})
