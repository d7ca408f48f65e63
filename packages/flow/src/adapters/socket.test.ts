import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { flowCompliance } from '../compliance/flow-suite.ts'
import { turns, until } from '../compliance/until.ts'
import { WatchedFlow } from '../compliance/watched-flow.ts'
import { CodedError } from '../coded-error.ts'
import { createVirtualClock } from '../testing/virtual-clock.ts'
import { fromSocket } from './socket.ts'

/** Two connected sockets: one that connected, one that was accepted. */
async function socketPair(path?: string): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  await new Promise<void>((resolve) => (path ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve)))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = path
    ? connect({ path, allowHalfOpen: true })
    : connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  await new Promise((resolve) => client.once('connect', resolve))
  const pair: [Socket, Socket] = [client, await accepted]
  server.close()
  return pair
}

const destroy = (...sockets: Socket[]) => async () => sockets.forEach((socket) => socket.destroy())

flowCompliance('fromSocket over TCP', async () => {
  const [client, accepted] = await socketPair()
  return { left: fromSocket(client), right: fromSocket(accepted), close: destroy(client, accepted) }
})

describe('fromSocket', () => {
  it('knows both endpoints and what the caller adds', async () => {
    const [client, accepted] = await socketPair()
    const { info } = fromSocket(accepted, { info: { service: 'ssh' } })
    expect(info).toEqual({
      protocol: 'tcp',
      local: { address: '127.0.0.1', port: client.remotePort },
      remote: { address: '127.0.0.1', port: client.localPort },
      service: 'ssh',
    })
    await destroy(client, accepted)()
  })

  it('reports the peer that resets as flow.reset', async () => {
    const [client, accepted] = await socketPair()
    const flow = new WatchedFlow(fromSocket(accepted)).attach()
    client.resetAndDestroy()
    await until(() => flow.closes.length === 1, 'close')
    expect(flow.closes[0]?.code).toBe('flow.reset')
    expect(flow.violations).toEqual([])
  })

  it('sends a RST on reset, even when nothing waits to be read', async () => {
    const [client, accepted] = await socketPair()
    const errors: (string | undefined)[] = []
    client.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
    client.resume()
    fromSocket(accepted).reset(new CodedError('test.reset', 'because'))
    await until(() => client.destroyed, 'the end of the peer')
    expect(errors).toEqual(['ECONNRESET'])
  })

  it('works over a Unix socket, which has no reset: the peer sees an end', async () => {
    const name = `flow-${process.pid}-${Math.random().toString(36).slice(2)}`
    const [client, accepted] = await socketPair(process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name))
    const left = new WatchedFlow(fromSocket(client)).attach()
    const right = new WatchedFlow(fromSocket(accepted)).attach()
    left.send('over')
    await until(() => right.text === 'over', 'the text')
    left.reset(new CodedError('test.reset', 'because'))
    await until(() => left.closes.length === 1 && right.ends === 1, 'both ends')
    expect(left.closes[0]?.code).toBe('test.reset')
    accepted.destroy()
  })

  it('finds an end and an error that came before it', async () => {
    const [client, accepted] = await socketPair()
    client.end()
    await until(() => accepted.readableEnded || accepted.readableLength === 0, 'the FIN')
    accepted.resume()
    await until(() => accepted.readableEnded, "'end'")
    const ended = new WatchedFlow(fromSocket(accepted)).attach()
    await until(() => ended.ends === 1, 'end')
    ended.end()
    await until(() => ended.closes.length === 1, 'close')
    expect(ended.closes).toEqual([undefined])

    const gone = new WatchedFlow(fromSocket(accepted)).attach()
    await until(() => gone.closes.length === 1, 'close')
    expect(gone.ends).toBe(1)
  })

  it('stops a socket that flows already, until attach', async () => {
    const [client, accepted] = await socketPair()
    client.resume()
    const flow = new WatchedFlow(fromSocket(client))
    accepted.write('kept')
    await turns(5)
    flow.attach()
    await until(() => flow.text === 'kept', 'the text')
    await destroy(client, accepted)()
  })

  it('says flow.aborted when somebody destroys the socket', async () => {
    const [client, accepted] = await socketPair()
    const flow = new WatchedFlow(fromSocket(accepted)).attach()
    accepted.destroy()
    await until(() => flow.closes.length === 1, 'close')
    expect(flow.closes[0]?.code).toBe('flow.aborted')
    client.destroy()
  })

  it('joins the small chunks of one tick into one write, in order with large ones', async () => {
    const [client, accepted] = await socketPair()
    const reader = new WatchedFlow(fromSocket(accepted)).attach()
    const flow = new WatchedFlow(fromSocket(client)).attach()
    const writes: number[] = []
    const write = client.write.bind(client)
    client.write = ((chunk: Uint8Array, done: () => void) => {
      writes.push(chunk.length)
      return write(chunk, done)
    }) as typeof client.write
    for (const text of ['a', 'b', 'c']) flow.send(text, 'released')
    flow.send('x'.repeat(20_000))
    flow.send('d')
    flow.send('e')
    expect(flow.flow.queuedBytes).toBe(client.writableLength + 2)
    await until(() => reader.receivedBytes === 20_005, 'all bytes')
    expect(writes).toEqual([3, 20_000, 2])
    expect(reader.text.replace(/x+/, '…')).toBe('abc…de')
    await destroy(client, accepted)()
  })

  it('resets a connection that is being opened, and waits a second for it at most', async () => {
    const clock = createVirtualClock()
    const socket = connect({ port: 9, host: 'never.invalid', allowHalfOpen: true, lookup: () => {} })
    const flow = new WatchedFlow(fromSocket(socket, { clock })).attach()
    flow.reset(new CodedError('test.reset', 'because'))
    clock.advance(999)
    expect(socket.destroyed).toBe(false)
    clock.advance(1)
    await until(() => flow.closes.length === 1, 'close')
    expect(flow.closes[0]?.code).toBe('test.reset')
  })

  it('sends what is small before the end', async () => {
    const [client, accepted] = await socketPair()
    const reader = new WatchedFlow(fromSocket(accepted)).attach()
    const flow = new WatchedFlow(fromSocket(client)).attach()
    flow.send('bye')
    flow.end()
    await until(() => reader.ends === 1, 'end')
    expect(reader.text).toBe('bye')
    await destroy(client, accepted)()
  })
})
