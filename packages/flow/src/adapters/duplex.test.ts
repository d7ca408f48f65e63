import { once } from 'node:events'
import { createServer as createHttpServer, request } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { duplexPair, PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect as tlsConnect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { flowCompliance } from '../compliance/flow-suite.ts'
import { turns, until } from '../compliance/until.ts'
import { WatchedFlow } from '../compliance/watched-flow.ts'
import type { Flow, FlowHandler } from '../flow.ts'
import { createFlowPair } from '../testing/memory-flow.ts'
import { fromDuplex, toDuplex } from './duplex.ts'
import { fromSocket } from './socket.ts'

flowCompliance('fromDuplex(toDuplex) over memory', async () => {
  const [left, right] = createFlowPair()
  return { left: fromDuplex(toDuplex(left)), right: fromDuplex(toDuplex(right)), close: async () => {} }
})

flowCompliance('fromDuplex(toDuplex) over a socket', async () => {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const other = await accepted
  server.close()
  return {
    left: fromDuplex(toDuplex(fromSocket(client))),
    right: fromSocket(other),
    close: async () => {
      client.destroy()
      other.destroy()
    },
  }
})

describe('fromDuplex', () => {
  it('makes no callback inside send when the stream emits at once', async () => {
    const flow: WatchedFlow = new WatchedFlow(fromDuplex(new PassThrough())).attach({
      data: (chunk) => flow.receivedBytes < 100_000 && flow.send(chunk),
    })
    flow.send('x'.repeat(20_000))
    await until(() => flow.receivedBytes >= 100_000, 'its own bytes')
    flow.end()
    await until(() => flow.closes.length === 1, 'close')
    expect(flow.violations).toEqual([])
    expect(flow.closes).toEqual([undefined])
  })

  it('gives released bytes back at once: a stream may keep them after its write is done', async () => {
    const flow = new WatchedFlow(fromDuplex(new PassThrough()))
    flow.pause()
    flow.attach()
    flow.send('abc'.repeat(5_000), 'released')
    flow.send('end', 'released')
    await turns(3)
    expect(flow.releases).toBe(2)
    flow.resume()
    await until(() => flow.receivedBytes === 15_003, 'all bytes')
    expect(flow.text).toBe('abc'.repeat(5_000) + 'end')
  })

  it('works on both ends of a duplexPair', async () => {
    const [one, other] = duplexPair()
    const left = new WatchedFlow(fromDuplex(one)).attach()
    const right: WatchedFlow = new WatchedFlow(fromDuplex(other)).attach({ data: (chunk) => right.send(chunk), end: () => right.end() })
    left.send('y'.repeat(30_000))
    left.end()
    await until(() => left.closes.length + right.closes.length === 2, 'both closes')
    expect(left.receivedBytes).toBe(30_000)
    expect([...left.violations, ...right.violations]).toEqual([])
  })
})

describe('toDuplex', () => {
  it('finishes what it wrote when the flow closes in order while a write waits for drain', async () => {
    // The end of a peer that has no half-close: both directions at once.
    let handler: FlowHandler | undefined
    const attach = (given: FlowHandler): void => void (handler = given)
    let open = false
    const send: Flow['send'] = (_chunk, release) => {
      release?.()
      return open
    }
    const idle = (): void => {}
    const stream = toDuplex({ info: { protocol: 'tcp' }, queuedBytes: 0, lateSends: 0, attach, send, end: idle, reset: idle, pause: idle, resume: idle })
    stream.resume()
    stream.write('waits')
    stream.end('waits behind it')
    handler?.end()
    open = true
    handler?.close()
    await once(stream, 'close')
    expect([stream.errored, stream.writableFinished]).toEqual([null, true])
  })

  it('carries HTTP', async () => {
    const [near, far] = createFlowPair()
    const server = createHttpServer((incoming, response) => incoming.pipe(response))
    server.emit('connection', toDuplex(far))
    const body = await new Promise<string>((resolve, reject) => {
      const outgoing = request({ method: 'POST', createConnection: () => toDuplex(near) as Socket }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text))
      })
      outgoing.on('error', reject).end('through a flow')
    })
    expect(body).toBe('through a flow')
  })

  it('carries TLS', async () => {
    const [near, far] = createFlowPair()
    const key = Buffer.alloc(32, 7)
    const psk = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const
    const server = new TLSSocket(toDuplex(far), { ...psk, isServer: true, pskCallback: () => key } as TLSSocketOptions)
    server.on('data', (question: Buffer) => server.end(`answer to ${question}`))
    const client = tlsConnect({
      ...psk,
      socket: toDuplex(near),
      pskCallback: () => ({ psk: key, identity: 'test' }),
      checkServerIdentity: () => undefined,
    })
    client.write('question')
    let text = ''
    client.on('data', (data: Buffer) => (text += data))
    await once(client, 'end')
    expect(text).toBe('answer to question')
    client.destroy()
    server.destroy()
  })

  it('holds a writer back', async () => {
    const [near, far] = createFlowPair({ limitBytes: 1_000 })
    const duplex = toDuplex(near)
    const reader = new WatchedFlow(far)
    reader.pause()
    reader.attach()
    let written = 0
    for (let index = 0; index < 5; index += 1) duplex.write(Buffer.alloc(1_000), () => (written += 1))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(written).toBe(0)
    expect(near.queuedBytes).toBe(1_000)
    reader.resume()
    await until(() => written === 5 && reader.receivedBytes === 5_000, 'all writes')
  })

  it('calls a write done only when its bytes are given back', async () => {
    const [near, far] = createFlowPair()
    const duplex = toDuplex(near)
    const reader = new WatchedFlow(far)
    reader.pause()
    reader.attach()
    let done = false
    duplex.write('still borrowed', () => (done = true))
    await turns(3)
    expect(done).toBe(false)
    reader.resume()
    await until(() => done, 'the callback')
  })

  it('holds the flow back when nobody reads', async () => {
    const [near, far] = createFlowPair({ limitBytes: 50_000 })
    const duplex = toDuplex(near)
    const writer = new WatchedFlow(far).attach()
    while (!writer.blocked) {
      writer.send(new Uint8Array(10_000))
      await Promise.resolve()
    }
    expect(writer.sends).toBeLessThan(20)
    let read = 0
    duplex.on('data', (chunk: Buffer) => (read += chunk.length))
    await until(() => read === writer.sends * 10_000 && !writer.blocked, 'all bytes')
  })

  it('destroys the stream with the error of the flow, and resets the flow when it is destroyed', async () => {
    const [near, far] = createFlowPair()
    const one = toDuplex(near)
    const other = toDuplex(far)
    const seen: unknown[] = []
    one.on('error', (error) => seen.push(error.message))
    other.on('error', (error) => seen.push('code' in error && error.code))
    one.destroy(new Error('enough'))
    await until(() => one.closed && other.closed, 'both closes')
    expect(seen.sort()).toEqual(['enough', 'flow.reset'])
  })

  it('works in a pipeline, with half-close', async () => {
    const [near, far] = createFlowPair()
    const duplex = toDuplex(far)
    const echo = pipeline(duplex, new PassThrough(), duplex)
    const flow = new WatchedFlow(near).attach()
    flow.send('echo')
    flow.end()
    await until(() => flow.closes.length === 1, 'close')
    await echo
    expect([flow.text, flow.ends, flow.closes]).toEqual(['echo', 1, [undefined]])
  })
})
