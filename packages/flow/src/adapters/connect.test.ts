import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { flowCompliance } from '../compliance/flow-suite.ts'
import { pattern, firstDifference } from '../compliance/random.ts'
import { until } from '../compliance/until.ts'
import { WatchedFlow } from '../compliance/watched-flow.ts'
import { createVirtualClock } from '../testing/virtual-clock.ts'
import { connectFlow } from './connect.ts'
import { fromSocket } from './socket.ts'

async function listen(accept: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

async function connectedPair() {
  const { server, port } = await listen(() => {})
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const left = await connectFlow({ host: '127.0.0.1', port })
  const socket = await accepted
  server.close()
  return { left, right: fromSocket(socket), socket }
}

flowCompliance('connectFlow', async () => {
  const { left, right, socket } = await connectedPair()
  return { left, right, close: async () => void socket.destroy() }
})

describe('connectFlow', () => {
  it('knows both endpoints', async () => {
    const { left, socket } = await connectedPair()
    expect(left.info.remote).toEqual({ address: '127.0.0.1', port: socket.localPort })
    expect(left.info.local).toEqual({ address: '127.0.0.1', port: socket.remotePort })
    socket.destroy()
  })

  it('leaves held chunks alone while the flow is fast and its buffers are used again', async () => {
    const { left, right, socket } = await connectedPair()
    const sender = new WatchedFlow(right).attach()
    const totalBytes = 8_000_000
    const held: { chunk: Uint8Array; offset: number; release: () => void }[] = []
    const differences: number[] = []
    const check = (entry: (typeof held)[number] | undefined) => {
      if (entry) differences.push(firstDifference(entry.chunk, entry.offset))
      entry?.release()
    }
    let largest = 0
    const reader: WatchedFlow = new WatchedFlow(left).attach({
      discard: true,
      data(chunk, hold) {
        largest = Math.max(largest, chunk.length)
        held.push({ chunk, offset: reader.receivedBytes - chunk.length, release: hold() })
        if (held.length > 5) check(held.shift())
      },
    })
    const chunkBytes = 100_000
    for (let sent = 0; sent < totalBytes; ) {
      await until(() => !sender.blocked, 'drain')
      sender.send(pattern(sent, chunkBytes), 'released')
      sent += chunkBytes
    }
    await until(() => reader.receivedBytes === totalBytes, 'all bytes')
    held.forEach(check)
    expect(differences.every((difference) => difference === -1)).toBe(true)
    expect(largest).toBeGreaterThan(16 * 1024)
    socket.destroy()
  })

  it('says where nobody listens', async () => {
    const { server, port } = await listen(() => {})
    await new Promise((resolve) => server.close(resolve))
    await expect(connectFlow({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'flow.connect-refused',
      message: `Cannot connect to 127.0.0.1:${port}: ECONNREFUSED`,
      detail: { to: `127.0.0.1:${port}`, errno: 'ECONNREFUSED' },
    })
  })

  it('gives up at its time-out and on abort, and closes the socket', async () => {
    const clock = createVirtualClock()
    const accepted: Socket[] = []
    const { server, port } = await listen((socket) => accepted.push(socket))
    const late = connectFlow({ host: '127.0.0.1', port, timeout: 1_000, clock })
    clock.advance(1_000)
    await expect(late).rejects.toMatchObject({ code: 'flow.connect-timeout' })

    const abort = new AbortController()
    const aborted = connectFlow({ host: '127.0.0.1', port, signal: abort.signal })
    abort.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'flow.aborted' })
    await expect(connectFlow({ host: '127.0.0.1', port, signal: abort.signal })).rejects.toMatchObject({ code: 'flow.aborted' })
    accepted.forEach((socket) => socket.destroy())
    server.close()
    expect(clock.pending).toBe(0)
  })
})
