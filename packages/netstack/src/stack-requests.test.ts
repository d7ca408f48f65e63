import { createVirtualClock } from '@tunnel/flow/testing'
import { isCodedError, type Flow, type PacketDevice, type TcpRequest } from '@tunnel/flow'
import { afterEach, describe, expect, it } from 'vitest'
import { withFaults } from './device/faults.ts'
import { createMemoryPipe } from './device/memory-pipe.ts'
import { createSeededRandom } from './device/random.ts'
import { createNetstack, type Netstack, type NetstackOptions } from './stack.ts'
import { address, buildPacket } from './testing/build-packet.ts'
import { toSeq } from './tcp/seq.ts'
import { withSum } from './testing/build-packet.ts'
import { noTcpOptions } from './wire/tcp-options.ts'
import { encodeSegmentHeader, tcpFlag } from './wire/tcp-segment.ts'

const clientAddress = '10.0.0.1'
const serverAddress = '10.0.0.2'
const quiet = { data() {}, end() {}, drain() {}, close() {} }
const stacks: Netstack[] = []

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close()
})

function pair(options: { readonly client?: Partial<NetstackOptions>; readonly server?: Partial<NetstackOptions> } = {}) {
  const [left, right] = createMemoryPipe()
  const client = createNetstack({ device: left, addresses: [clientAddress, '2001:db8::1'], ...options.client })
  const server = createNetstack({ device: right, addresses: [serverAddress, '2001:db8::2'], ...options.server })
  stacks.push(client, server)
  return { client, server }
}

const settle = async (turns = 20): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
}

describe('a request', () => {
  it('names both ends, and is answered only when it is accepted', async () => {
    const { client, server } = pair()
    let request: TcpRequest | undefined
    server.onConnect((asked) => (request = asked))
    let opened = false
    const opening = client.connect({ address: serverAddress, port: 443 }, { from: { port: 5555 } })
    void opening.then(() => (opened = true))
    await settle()
    expect(request).toMatchObject({ protocol: 'tcp', from: { address: clientAddress, port: 5555 }, to: { address: serverAddress, port: 443 } })
    expect([opened, server.stats.requests]).toEqual([false, 1])
    const accepted = request!.accept()
    const flow = await opening
    expect(flow.info).toEqual({ protocol: 'tcp', local: { address: clientAddress, port: 5555 }, remote: { address: serverAddress, port: 443 } })
    expect(accepted.info.remote).toEqual(flow.info.local)
    expect([server.stats.requests, server.stats.connections]).toEqual([0, 1])
  })

  it('works over IPv6', async () => {
    const { client, server } = pair()
    server.onConnect((request) => request.accept())
    const flow = await client.connect({ address: '2001:db8::2', port: 80 })
    expect(flow.info.local?.address).toBe('2001:db8::1')
  })

  for (const [reason, code] of [
    ['reset', 'flow.connect-refused'],
    ['host-unreachable', 'flow.connect-unreachable'],
    ['prohibited', 'flow.connect-unreachable'],
  ] as const) {
    it(`tells the asker the truth when it is refused: ${reason}`, async () => {
      const { client, server } = pair()
      server.onConnect((request) => request.refuse(reason))
      for (const to of [serverAddress, '2001:db8::2']) {
        await expect(client.connect({ address: to, port: 1 })).rejects.toMatchObject({ code })
      }
      expect([client.stats.connections, server.stats.connections, server.stats.requests]).toEqual([0, 0, 0])
    })
  }

  it('is answered once', async () => {
    const { client, server } = pair()
    const errors: unknown[] = []
    server.onConnect((request) => {
      request.accept()
      try {
        request.refuse('reset')
      } catch (error) {
        errors.push(error)
      }
    })
    await client.connect({ address: serverAddress, port: 1 })
    expect(errors).toEqual([expect.objectContaining({ code: 'flow.answered' })])
  })

  it('is made once, however often the SYN comes', async () => {
    const clock = createVirtualClock()
    const { client, server } = pair({ client: { clock }, server: { clock } })
    const requests: TcpRequest[] = []
    server.onConnect((request) => requests.push(request))
    const opening = client.connect({ address: serverAddress, port: 1 })
    for (let index = 0; index < 10; index += 1) {
      clock.advance(1_000)
      await settle()
    }
    expect(requests).toHaveLength(1)
    requests[0]!.accept()
    await opening
  })

  it('is abandoned when the asker says no more', async () => {
    const clock = createVirtualClock()
    const { client, server } = pair({ client: { clock }, server: { clock } })
    let abandoned = 0
    let late: Flow | undefined
    server.onConnect((request) =>
      request.onAbandon(() => {
        abandoned += 1
        late = request.accept()
      }),
    )
    const opening = client.connect({ address: serverAddress, port: 1 }, { timeout: 5_000 })
    opening.catch(() => {})
    for (let index = 0; index < 140; index += 1) {
      clock.advance(1_000)
      await settle(4)
    }
    await expect(opening).rejects.toMatchObject({ code: 'flow.connect-timeout' })
    expect([abandoned, server.stats.requests]).toEqual([1, 0])
    const closes: unknown[] = []
    late!.attach({ ...quiet, close: (error) => closes.push(isCodedError(error)) })
    await settle()
    expect(closes).toEqual([true])
  })

  it('is reset where nobody wants any', async () => {
    const { client } = pair()
    await expect(client.connect({ address: serverAddress, port: 1 })).rejects.toMatchObject({ code: 'flow.connect-refused' })
  })
})

describe('connect', () => {
  it('can be given up by a signal, also before it began', async () => {
    const { client, server } = pair()
    server.onConnect(() => {})
    const controller = new AbortController()
    const opening = client.connect({ address: serverAddress, port: 1 }, { signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toMatchObject({ code: 'flow.aborted' })
    await expect(client.connect({ address: serverAddress, port: 1 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'flow.aborted' })
    expect(client.stats.connections).toBe(0)
  })

  it('says what is wrong with an address, and that a port is taken', async () => {
    const { client, server } = pair({ client: { addresses: [clientAddress] } })
    server.onConnect((request) => request.accept())
    await expect(client.connect({ address: 'db.corp', port: 1 })).rejects.toMatchObject({ code: 'netstack.address' })
    await expect(client.connect({ address: '2001:db8::2', port: 1 })).rejects.toMatchObject({ code: 'netstack.address' })
    await client.connect({ address: serverAddress, port: 1 }, { from: { port: 4000 } })
    await expect(client.connect({ address: serverAddress, port: 1 }, { from: { port: 4000 } })).rejects.toMatchObject({ code: 'netstack.in-use' })
  })
})

describe('listen', () => {
  it('gives out connections whose handshake is done, until it is closed', async () => {
    const { client, server } = pair()
    const flows: Flow[] = []
    const listener = server.listen({ port: 80 }, (flow) => flows.push(flow))
    await client.connect({ address: serverAddress, port: 80 })
    await settle()
    expect(flows).toHaveLength(1)
    expect(() => server.listen({ port: 80, address: serverAddress }, () => {})).toThrow(expect.objectContaining({ code: 'netstack.in-use' }))
    listener.close()
    await expect(client.connect({ address: serverAddress, port: 80 })).rejects.toMatchObject({ code: 'flow.connect-refused' })
  })
})

describe('a stack for every address', () => {
  it('takes what goes anywhere, and answers as whoever was asked', async () => {
    const { client, server } = pair({ server: { addresses: [], any: true } })
    server.onConnect((request) => request.accept())
    const flow = await client.connect({ address: '93.184.216.34', port: 443 })
    expect(flow.info.remote).toEqual({ address: '93.184.216.34', port: 443 })
  })
})

describe('a handler that throws', () => {
  it('does not stop other connections', async () => {
    const { client, server } = pair()
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    server.onConnect((request) => {
      if (request.to.port === 1) throw new Error('first')
      request.accept().attach({
        ...quiet,
        data: () => {
          throw new Error('second')
        },
      })
    })
    client.connect({ address: serverAddress, port: 1 }).catch(() => {})
    const flow = await client.connect({ address: serverAddress, port: 2 })
    flow.send(new Uint8Array(1))
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(uncaught.map(String)).toEqual(['Error: first', 'Error: second'])
    expect(server.stats.connections).toBe(1)
  })
})

describe('close', () => {
  it('resets all connections and takes no more', async () => {
    const { client, server } = pair()
    server.onConnect((request) => request.accept())
    const flow = await client.connect({ address: serverAddress, port: 1 })
    const closes: (string | undefined)[] = []
    flow.attach({ ...quiet, close: (error) => closes.push(error?.code) })
    await settle()
    await server.close()
    await settle()
    expect(closes).toEqual(['flow.reset'])
    expect([server.stats.connections, client.stats.connections]).toEqual([0, 0])
    expect([server.stats.bufferBytes, client.stats.bufferBytes]).toEqual([0, 0])
  })
})

/** A device that the test plays: what the stack sends is counted. */
function playedDevice(): { device: PacketDevice; receive: (packets: Uint8Array[]) => void; sent: Uint8Array[] } {
  const sent: Uint8Array[] = []
  let take: (packets: readonly Uint8Array[]) => void = () => {}
  const device: PacketDevice = {
    name: 'played',
    mtu: 1500,
    offload: { checksum: false, segmentationBytes: 0 },
    start: (receive) => (take = receive),
    transmit: (parts) => sent.push(Uint8Array.from(Buffer.concat([...parts]))) > 0,
    close: async () => {},
  }
  return { device, receive: (packets) => take(packets), sent }
}

function segmentPacket(from: string, sourcePort: number, flags: number, seq = 0, ack = 0): Uint8Array {
  const bytes = new Uint8Array(20)
  encodeSegmentHeader({ sourcePort, destinationPort: 80, seq: toSeq(seq), ack: toSeq(ack), flags, window: 1000, options: noTcpOptions }, bytes)
  const fields = { from, to: serverAddress }
  return buildPacket({ ...fields, protocol: 6 }, withSum(fields, 6, 16, bytes))
}

describe('a flood of SYNs', () => {
  const sourceOf = (index: number): string => `172.${16 + ((index >> 16) & 15)}.${(index >> 8) & 255}.${(index & 255) || 1}`

  it('from everywhere takes bounded memory, and connections that are meant are made', async () => {
    const clock = createVirtualClock()
    const { device, receive, sent } = playedDevice()
    const stack = createNetstack({ device, addresses: [serverAddress], clock, random: createSeededRandom(5), tcp: { maxHalfOpen: 500 } })
    stacks.push(stack)
    let good = 0
    stack.listen({ port: 80 }, () => (good += 1))
    for (let round = 0; round < 100; round += 1) {
      receive(Array.from({ length: 100 }, (_, index) => segmentPacket(sourceOf(round * 100 + index), 1000 + index, tcpFlag.syn, index)))
      sent.length = 0
      receive([segmentPacket('10.0.0.9', 2000 + round, tcpFlag.syn, 77)])
      const answer = new DataView(sent[0]!.buffer)
      // The good one answers within the time of 400 more SYNs.
      receive(Array.from({ length: 400 }, (_, index) => segmentPacket(sourceOf(100_000 + round * 400 + index), 1000 + index, tcpFlag.syn, index)))
      receive([segmentPacket('10.0.0.9', 2000 + round, tcpFlag.ack, 78, answer.getInt32(24) + 1)])
    }
    expect(good).toBe(100)
    expect(stack.stats.halfOpen).toBeLessThanOrEqual(500)
    expect(stack.stats.connections).toBeLessThanOrEqual(600)
  })

  it('from one source leaves room for requests of others', () => {
    const { device, receive } = playedDevice()
    const stack = createNetstack({ device, addresses: [serverAddress], clock: createVirtualClock(), tcp: { maxRequests: 300 } })
    stacks.push(stack)
    const froms: string[] = []
    stack.onConnect((request) => froms.push(request.from.address))
    for (let port = 1; port <= 5_000; port += 1) receive([segmentPacket('10.6.6.6', port, tcpFlag.syn)])
    expect(stack.stats.requests).toBe(200)
    receive([segmentPacket('10.0.0.9', 1, tcpFlag.syn)])
    expect(froms.at(-1)).toBe('10.0.0.9')
    expect(stack.stats.drops['tcp.request-limit']).toBe(4_800)
  })
})

describe('segments for nobody', () => {
  it('are reset, but resets are not (RFC 9293 3.10.7.1)', () => {
    const { device, receive, sent } = playedDevice()
    stacks.push(createNetstack({ device, addresses: [serverAddress] }))
    receive([segmentPacket('10.0.0.9', 1, tcpFlag.ack, 5, 1234)])
    expect([sent.length, sent[0]![33]]).toEqual([1, tcpFlag.rst])
    expect(new DataView(sent[0]!.buffer).getInt32(24)).toBe(1234)
    receive([segmentPacket('10.0.0.9', 1, tcpFlag.fin, 5)])
    expect(sent[1]![33]).toBe(tcpFlag.rst | tcpFlag.ack)
    expect(new DataView(sent[1]!.buffer).getInt32(28)).toBe(6)
    receive([segmentPacket('10.0.0.9', 1, tcpFlag.rst, 5)])
    expect(sent).toHaveLength(2)
  })

  it('with a wrong sum are dropped', () => {
    const { device, receive, sent } = playedDevice()
    const stack = createNetstack({ device, addresses: [serverAddress] })
    stacks.push(stack)
    const packet = segmentPacket('10.0.0.9', 1, tcpFlag.syn)
    packet[35]! ^= 1
    receive([packet])
    expect([sent.length, stack.stats.drops['tcp.checksum']]).toEqual([0, 1])
  })
})

describe('a stack over a bad wire', () => {
  it('delivers everything in virtual time, and leaves nothing behind', async () => {
    const clock = createVirtualClock()
    const [left, right] = createMemoryPipe({ mtu: 1500 })
    const faults = { loss: 0.03, duplicate: 0.03, corrupt: 0.02, delay: 20, jitter: 5, reorder: 0.05 }
    const client = createNetstack({ device: withFaults(left, faults, { clock, random: createSeededRandom(1) }), addresses: [clientAddress], clock, random: createSeededRandom(2) })
    const server = createNetstack({ device: withFaults(right, faults, { clock, random: createSeededRandom(3) }), addresses: [serverAddress], clock, random: createSeededRandom(4) })
    stacks.push(client, server)
    let received = 0
    const closes: string[] = []
    server.listen({ port: 80 }, (flow) =>
      flow.attach({ ...quiet, data: (chunk) => (received += chunk.length), end: () => flow.end(), close: (error) => closes.push(`server ${error?.code}`) }),
    )
    const opening = client.connect({ address: serverAddress, port: 80 })
    const step = async (span: number): Promise<void> => {
      clock.advance(span)
      await settle(10)
    }
    for (let index = 0; index < 50; index += 1) await step(100)
    const flow = await opening
    let unsent = 2_000_000
    const send = (): void => {
      while (unsent > 0) {
        unsent -= 10_000
        if (!flow.send(new Uint8Array(10_000))) return
      }
      flow.end()
    }
    flow.attach({ ...quiet, drain: send, close: (error) => closes.push(`client ${error?.code}`) })
    send()
    for (let index = 0; index < 20_000 && closes.length < 2; index += 1) await step(10)
    expect(received).toBe(2_000_000)
    expect(closes.toSorted()).toEqual(['client undefined', 'server undefined'])
    for (let index = 0; index < 200; index += 1) await step(1_000)
    expect([client.stats, server.stats].map(({ connections, timeWait, bufferBytes }) => [connections, timeWait, bufferBytes])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
    expect(server.stats.drops['tcp.checksum']).toBeGreaterThan(0)
  })
})

describe('address', () => {
  it('of a stack must be one', () => {
    const [device] = createMemoryPipe()
    expect(() => createNetstack({ device, addresses: ['nowhere'] })).toThrow(expect.objectContaining({ code: 'netstack.address' }))
    expect(String(address(serverAddress))).toBe(serverAddress)
  })
})
