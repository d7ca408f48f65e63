import type { UdpRequest } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import type { BatchedUdpSocket, ReceivedDatagram } from '@tunnel/linux'
import { describe, expect, it } from 'vitest'
import { UdpReceiver } from './udp-receiver.ts'

function receiver({ sessions = 4, wanted = true } = {}) {
  const clock = createVirtualClock()
  const requests: UdpRequest[] = []
  const events: string[] = []
  let receive: (batch: readonly ReceivedDatagram[]) => void = () => {}
  const socket = {
    dropped: 0,
    start: (handler: typeof receive) => (receive = handler),
    close: () => void events.push('socket closed'),
    unref: () => {},
  } as unknown as BatchedUdpSocket
  const udp = new UdpReceiver([socket], {
    clock,
    idle: (port) => (port === 53 ? 5_000 : 300_000),
    queue: 16,
    sessions,
    replySockets: 4,
    wanted: () => wanted,
    onRequest: (request) => requests.push(request),
    onOpened: ({ from, to }) => events.push(`opened ${from.port} ${to.port}`),
    onClosed: ({ from, to }) => events.push(`closed ${from.port} ${to.port}`),
    onReplyFailure: () => {},
  })
  const buffer = Buffer.from('?')
  const arrives = (fromPort: number, toPort: number, text = 'x') => {
    const data = text.length === 1 ? buffer : Buffer.alloc(text.length)
    data.write(text)
    receive([{ data, from: { address: '192.0.2.1', port: fromPort }, to: { address: '10.0.0.1', port: toPort } } as ReceivedDatagram])
  }
  return { clock, requests, events, udp, arrives }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('UDP sessions', () => {
  it('are told apart by client and destination', () => {
    const { arrives, requests, udp } = receiver()
    for (const [from, to] of [[1, 7], [1, 7], [2, 7], [1, 8]] as const) arrives(from, to)
    expect(requests.map(({ from, to }) => [from.port, to.port])).toEqual([[1, 7], [2, 7], [1, 8]])
    expect(udp.sessions).toBe(3)
  })

  it('keep their first datagrams, at most 16, until they are accepted; the buffer is only borrowed', async () => {
    const { arrives, requests, udp } = receiver()
    for (const text of 'abcdefghijklmnopqrst') arrives(1, 7, text)
    const heard: string[] = []
    requests[0]!.accept().attach({ message: (datagram) => heard.push(Buffer.from(datagram).toString()), close: () => {} })
    await turn()
    arrives(1, 7, 'Z')
    expect(heard.join('')).toBe('abcdefghijklmnopZ')
    expect(udp.dropped).toBe(4)
  })

  it('are bounded in number: the longest idle makes room', () => {
    const { arrives, requests, events, udp } = receiver({ sessions: 2 })
    for (const port of [1, 2, 1, 3]) arrives(port, 7)
    expect(events.filter((event) => event.startsWith('closed'))).toEqual(['closed 2 7'])
    expect([requests.length, udp.sessions, udp.displaced, udp.dropped]).toEqual([3, 2, 1, 0])
    requests[2]!.refuse('reset')
    arrives(4, 7)
    expect([requests.length, udp.sessions]).toEqual([4, 2])
  })

  it('keep 16 MiB together at most, however many they are, and have room again for others', async () => {
    const { arrives, requests, udp } = receiver({ sessions: 100 })
    const large = 'x'.repeat(1 << 16)
    for (let port = 1; port <= 32; port++) for (let each = 0; each < 16; each++) arrives(port, 7, large)
    expect(udp.dropped).toBe(256)
    let heard = 0
    requests[0]!.accept().attach({ message: () => (heard += 1), close: () => {} })
    requests[1]!.refuse('reset')
    await turn()
    expect(heard).toBe(16)
    for (let each = 0; each < 40; each++) arrives(40, 7, large)
    for (let each = 0; each < 40; each++) arrives(41, 7, large)
    arrives(42, 7, large)
    expect(udp.dropped).toBe(256 + 24 + 24 + 1)
  })

  it('are not begun where nothing is wanted', () => {
    const { arrives, requests, udp } = receiver({ wanted: false })
    arrives(1, 7)
    expect([requests.length, udp.dropped]).toEqual([0, 1])
  })

  it('end after the silence that their port allows', () => {
    const { arrives, requests, events, clock } = receiver()
    arrives(1, 53)
    arrives(1, 7)
    for (const request of requests) request.accept().attach({ message: () => {}, close: () => {} })
    clock.advance(5_000)
    expect(events).toEqual(['opened 1 53', 'opened 1 7', 'closed 1 53'])
    clock.advance(295_000)
    expect(events.at(-1)).toBe('closed 1 7')
  })

  it('that were accepted outlive a stop; the socket closes with the last', () => {
    const { arrives, requests, events, udp } = receiver()
    arrives(1, 7)
    arrives(2, 7)
    const flow = requests[0]!.accept()
    udp.stop()
    expect(events).toEqual(['opened 1 7', 'opened 2 7', 'closed 2 7'])
    arrives(3, 7)
    expect(requests).toHaveLength(2)
    flow.close()
    expect(events.slice(-2)).toEqual(['closed 1 7', 'socket closed'])
  })
})
