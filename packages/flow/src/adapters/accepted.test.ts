import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { flowCompliance } from '../compliance/flow-suite.ts'
import { until } from '../compliance/until.ts'
import { WatchedFlow } from '../compliance/watched-flow.ts'
import { fromAccepted, type AcceptedFlow } from './accepted.ts'
import { fromSocket } from './socket.ts'

interface Pair extends AcceptedFlow {
  readonly client: Socket
  readonly server: Server
  readonly given: Socket
}

/** `spoil` sees the socket before it is taken over. */
async function acceptedPair(spoil: (socket: Socket) => void = () => {}): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<AcceptedFlow & { given: Socket }>((resolve) => {
    server.once('connection', (given) => {
      spoil(given)
      resolve({ ...fromAccepted(given, { info: { service: 'web' } }), given })
    })
  })
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  await new Promise((resolve) => client.once('connect', resolve))
  const pair = { client, server, ...(await accepted) }
  client.on('error', () => {})
  return pair
}

const hide = (socket: Socket): void => void Object.defineProperty(socket, 'bytesRead', { value: 1 })

describe.each([
  ['taken over', undefined],
  ['where Node looks different inside', hide],
])('fromAccepted, %s', (_, spoil) => {
  flowCompliance('fromAccepted', async () => {
    const { client, flow, socket, server } = await acceptedPair(spoil)
    server.close()
    return {
      left: fromSocket(client),
      right: flow,
      close: async () => {
        client.destroy()
        socket.destroy()
      },
    }
  })

  it('moves the connection only where it can', async () => {
    const { given, socket, client, server } = await acceptedPair(spoil)
    expect(socket === given).toBe(spoil !== undefined)
    client.destroy()
    server.close()
  })

  it('knows both endpoints', async () => {
    const { client, flow, server } = await acceptedPair(spoil)
    expect(flow.info).toEqual({
      protocol: 'tcp', service: 'web',
      local: { address: '127.0.0.1', port: client.remotePort },
      remote: { address: '127.0.0.1', port: client.localPort },
    })
    client.destroy()
    server.close()
  })

  it('notices a peer that goes away before anybody attached, also after it sent a request', async () => {
    const { client, socket, server } = await acceptedPair(spoil)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    client.write('a request')
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.resetAndDestroy()
    await closed
    server.close()
  })

  it('delivers what came before it was attached, however much the peer sends', async () => {
    const { client, flow, server } = await acceptedPair(spoil)
    const bytes = Buffer.alloc(1_000_000, 'abcdefg')
    client.end(bytes)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const watched = new WatchedFlow(flow).attach()
    await until(() => watched.ends === 1, 'end')
    expect(bytes.equals(watched.received)).toBe(true)
    expect(watched.violations).toEqual([])
    client.destroy()
    server.close()
  })

  it('lets its server close when the last connection has ended, not before', async () => {
    const { client, flow, server } = await acceptedPair(spoil)
    let closed = false
    server.close(() => (closed = true))
    const watched = new WatchedFlow(flow).attach()
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(closed).toBe(false)
    client.end()
    await until(() => watched.ends === 1, 'end')
    flow.end()
    await until(() => closed, 'close of the server')
  })
})
