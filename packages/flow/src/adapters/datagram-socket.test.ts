import { createSocket, type Socket } from 'node:dgram'
import { describe, expect, it } from 'vitest'
import { datagramFlowCompliance } from '../compliance/datagram-flow-suite.ts'
import { turns, until } from '../compliance/until.ts'
import { connectDatagramFlow, fromDatagramSocket } from './datagram-socket.ts'

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return socket
}

const connect = (socket: Socket, port: number) => new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve))

datagramFlowCompliance('fromDatagramSocket', async () => {
  const [one, other] = [await bound(), await bound()]
  await Promise.all([connect(one, other.address().port), connect(other, one.address().port)])
  const left = fromDatagramSocket(one)
  const right = fromDatagramSocket(other)
  return {
    left,
    right,
    close: async () => {
      left.close()
      right.close()
    },
  }
})

describe('connectDatagramFlow', () => {
  it('takes datagrams of its peer only, and knows both endpoints', async () => {
    const peer = await bound()
    const stranger = await bound()
    const flow = await connectDatagramFlow({ address: '127.0.0.1', port: peer.address().port })
    const { local, remote } = flow.info
    expect(remote).toEqual({ address: '127.0.0.1', port: peer.address().port })
    const received: string[] = []
    flow.attach({ message: (datagram) => received.push(Buffer.from(datagram).toString()), close() {} })
    stranger.send('stranger', local?.port ?? 0, '127.0.0.1')
    await turns(3)
    peer.send('peer', local?.port ?? 0, '127.0.0.1')
    await until(() => received.length > 0, 'a datagram')
    expect(received).toEqual(['peer'])
    flow.close()
    for (const socket of [peer, stranger]) socket.close()
  })

  it('survives a peer that is not there, and speaks to it when it comes', async () => {
    const away = await bound()
    const { port } = away.address()
    await new Promise<void>((resolve) => away.close(resolve))
    const flow = await connectDatagramFlow({ address: '127.0.0.1', port })
    const closes: unknown[] = []
    flow.attach({ message() {}, close: (error) => closes.push(error) })
    flow.send(Buffer.from('anybody?'))
    await turns(5)
    flow.send(Buffer.from('nobody.'))
    await turns(5)
    expect(closes).toEqual([])
    const back = createSocket('udp4')
    await new Promise<void>((resolve) => back.bind(port, '127.0.0.1', resolve))
    const received: string[] = []
    back.on('message', (datagram) => received.push(datagram.toString()))
    await until(() => {
      flow.send(Buffer.from('hello'))
      return received.length > 0
    }, 'hello')
    flow.close()
    back.close()
  })

  it('keeps a bounded number of datagrams before attach, and counts the rest', async () => {
    const peer = await bound()
    const flow = await connectDatagramFlow({ address: '127.0.0.1', port: peer.address().port }, { earlyLimit: 2 })
    for (const text of ['1', '2', '3']) peer.send(text, flow.info.local?.port ?? 0, '127.0.0.1')
    await until(() => flow.dropped === 1, 'the drop')
    const received: string[] = []
    flow.attach({ message: (datagram) => received.push(Buffer.from(datagram).toString()), close() {} })
    await until(() => received.length === 2, 'the kept ones')
    expect(received).toEqual(['1', '2'])
    flow.close()
    peer.close()
  })
})
