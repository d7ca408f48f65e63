import { CodedError, silentLog, systemClock, type FlowInfo } from '@tunnel/flow'
import { datagramFlowCompliance, flowCompliance } from '@tunnel/flow/compliance'
import { beforeAll, describe, expect, it } from 'vitest'
import { Channel } from '../channel/channel.ts'
import { joinChannels, MemoryTransport } from '../testing/memory-transport.ts'
import { ScriptedRouter } from '../testing/scripted-router.ts'
import { sharedReceiveBytes } from '../channel/receive-room.ts'
import { fromHex, frameVectors } from '../testing/vectors.ts'
import { encodeUint32, HeaderId, loadCrypto, type Crypto } from '../wire.ts'
import { Circuit, receiveLimitBytes } from './circuit.ts'
import { Connection, halfCloseFlag } from './connection.ts'
import { DatagramCircuit } from './datagram-circuit.ts'
import { PlaintextSlabs } from './plaintext-slabs.ts'

let crypto: Crypto
beforeAll(async () => {
  crypto = await loadCrypto()
})

/** Flags of the first message (protocol section 4.5): MULTIPART, and ours. */
const announced = 4 | halfCloseFlag
const info: FlowInfo = { protocol: 'tcp', service: 'test' }

/** Two connections with the same id on two channels back to back. */
function connectionPair(encrypted: boolean): { left: Connection; right: Connection; close: () => Promise<void> } {
  const leftTransport = new MemoryTransport()
  const rightTransport = new MemoryTransport()
  const common = { url: 'tls://memory:1', clock: systemClock, log: silentLog }
  const leftChannel = new Channel({ ...common, transport: leftTransport })
  const rightChannel = new Channel({ ...common, transport: rightTransport })
  joinChannels(leftChannel, leftTransport, rightChannel, rightTransport)
  const left = new Connection({ channel: leftChannel, slabs: new PlaintextSlabs(), crypto })
  const right = new Connection({ channel: rightChannel, slabs: new PlaintextSlabs(), crypto })
  right.claim(left.allocate())
  const [dialer, host] = [crypto.keyPair(), crypto.keyPair()]
  left.start(encrypted ? crypto.sessionKeys('dialer', dialer, host.publicKey) : undefined)
  right.start(encrypted ? crypto.sessionKeys('host', host, dialer.publicKey) : undefined)
  return { left, right, close: async () => void (await leftChannel.close()) }
}

for (const encrypted of [false, true]) {
  const kind = encrypted ? 'encrypted' : 'plain'
  flowCompliance(`a circuit, ${kind},`, async () => {
    const { left, right, close } = connectionPair(encrypted)
    return { left: new Circuit(left, info), right: new Circuit(right, info), close }
  })
  datagramFlowCompliance(`a datagram circuit, ${kind},`, async () => {
    const { left, right, close } = connectionPair(encrypted)
    return { left: new DatagramCircuit(left, info), right: new DatagramCircuit(right, info), close }
  })
}

/** A circuit with its router in the test's hands, and all that its handler heard. */
async function scripted(keys?: Parameters<Connection['start']>[0]) {
  const router = await new ScriptedRouter().welcomes()
  const connection = new Connection({ channel: router.channel, slabs: new PlaintextSlabs(), crypto })
  const connId = connection.allocate()
  const circuit = new Circuit(connection, info)
  connection.start(keys)
  const heard: string[] = []
  const errors: (CodedError | undefined)[] = []
  const attach = (): void =>
    circuit.attach({
      data: (chunk) => heard.push(Buffer.from(chunk).toString()),
      end: () => heard.push('END'),
      drain: () => heard.push('DRAIN'),
      close: (error) => {
        heard.push('CLOSE')
        errors.push(error)
      },
    })
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return { router, circuit, connection, connId, heard, errors, attach, settled }
}

describe('half-close (protocol section 4.5)', () => {
  it('announces MULTIPART once, sends FIN, and says StateClosed itself after both FINs', async () => {
    const { router, circuit, connId, heard, attach, settled } = await scripted()
    attach()
    circuit.send(Buffer.from('one'))
    circuit.send(Buffer.from('two'))
    circuit.end()
    router.gets({ type: 'Data', connId, flags: announced, text: 'one' })
    router.gets({ type: 'Data', connId, flags: 0, text: 'two' })
    router.gets({ type: 'Data', connId, flags: 1, text: '' })
    router.gives({ type: 'Data', connId, text: 'answer' })
    router.gives({ type: 'Data', connId, flags: 1, text: ', last' })
    await settled()
    router.gets({ type: 'StateClosed', connId })
    expect(heard).toEqual(['answer', ', last', 'END', 'CLOSE'])
    expect(router.channel.connections.size).toBe(0)
  })

  it('takes a late StateClosed after complete data as a normal end', async () => {
    const { router, connId, heard, errors, attach, settled } = await scripted()
    attach()
    router.gives({ type: 'Data', connId, text: 'all' })
    router.gives({ type: 'Data', connId, flags: 1 })
    router.gives({ type: 'StateClosed', connId, text: 'whatever' })
    await settled()
    expect(heard).toEqual(['all', 'END', 'CLOSE'])
    expect(errors).toEqual([undefined])
    expect(router.next()).toBeUndefined()
  })

  it("takes 'close called' without a FIN as the end of a host that has no half-close", async () => {
    const { router, connId, heard, errors, attach, settled } = await scripted()
    attach()
    router.gives({ type: 'StateClosed', connId, text: 'close called' })
    await settled()
    expect(heard).toEqual(['END', 'CLOSE'])
    expect(errors).toEqual([undefined])
  })

  it('takes the same from a peer that always says FIN as a reset', async () => {
    const { router, connId, heard, errors, attach, settled } = await scripted()
    attach()
    router.gives({ type: 'Data', connId, flags: announced, text: 'half' })
    router.gives({ type: 'StateClosed', connId, text: 'close called' })
    await settled()
    expect(heard).toEqual(['half', 'CLOSE'])
    expect(errors[0]?.code).toBe('circuit.reset')
  })

  it('delivers what came before a StateClosed, then its error', async () => {
    const { router, circuit, connId, heard, errors, attach, settled } = await scripted()
    circuit.pause()
    attach()
    router.gives({ type: 'Data', connId, text: 'early' })
    router.gives({ type: 'StateClosed', connId, text: 'the server fell over' })
    await settled()
    expect(heard).toEqual([])
    circuit.resume()
    await settled()
    expect(heard).toEqual(['early', 'CLOSE'])
    expect(errors[0]?.code).toBe('circuit.reset')
    expect(errors[0]?.message).toContain('fell over')
  })
})

describe('the end of the channel', () => {
  it('closes circuits with circuit.channel-lost', async () => {
    const { router, errors, attach, settled } = await scripted()
    attach()
    router.channel.lost(new Error('ECONNRESET'))
    await settled()
    expect(errors[0]?.code).toBe('circuit.channel-lost')
  })
})

describe('a paused receiver', () => {
  it('holds the whole channel only beyond its own bound, and lets go when half is taken', async () => {
    const { router, circuit, connId, attach, heard, settled } = await scripted()
    circuit.pause()
    attach()
    const body = new Uint8Array(256 * 1024)
    for (let sent = 0; sent < receiveLimitBytes; sent += body.length) router.gives({ type: 'Data', connId }, [], body)
    expect(router.readingPaused).toBe(false)
    router.gives({ type: 'Data', connId, text: '!' })
    expect(router.readingPaused).toBe(true)
    circuit.resume()
    await settled()
    expect(router.readingPaused).toBe(false)
    expect(heard.reduce((sum, { length }) => sum + length, 0)).toBe(receiveLimitBytes + 1)
  })

  it('beside others keeps more, up to the room of the channel, and gives it back', async () => {
    const { router, circuit, connId, attach, heard, settled } = await scripted()
    const { channel } = router
    channel.connections.allocate(new Connection({ channel, slabs: new PlaintextSlabs(), crypto }))
    circuit.pause()
    attach()
    const body = new Uint8Array(1024 * 1024)
    for (let sent = 0; sent < receiveLimitBytes + sharedReceiveBytes; sent += body.length) router.gives({ type: 'Data', connId }, [], body)
    expect([router.readingPaused, channel.receiveRoom.used]).toEqual([false, sharedReceiveBytes])
    router.gives({ type: 'Data', connId, text: '!' })
    expect(router.readingPaused).toBe(true)
    circuit.resume()
    await settled()
    expect([router.readingPaused, channel.receiveRoom.used]).toEqual([false, 0])
    expect(heard.reduce((sum, { length }) => sum + length, 0)).toBe(receiveLimitBytes + sharedReceiveBytes + 1)
  })

  it('gives all of that room back when it is reset', async () => {
    const { router, circuit, connId, attach } = await scripted()
    const { channel } = router
    channel.connections.allocate(new Connection({ channel, slabs: new PlaintextSlabs(), crypto }))
    circuit.pause()
    attach()
    for (let count = 0; count < 6; count += 1) router.gives({ type: 'Data', connId }, [], new Uint8Array(1024 * 1024))
    expect(channel.receiveRoom.used).toBe(5 * 1024 * 1024)
    circuit.reset(new CodedError('test.over', 'enough'))
    expect(channel.receiveRoom.used).toBe(0)
  })

  it('lets the channel go when it is reset', async () => {
    const { router, circuit, connId, attach } = await scripted()
    circuit.pause()
    attach()
    for (let count = 0; count < 6; count += 1) router.gives({ type: 'Data', connId }, [], new Uint8Array(256 * 1024))
    expect(router.readingPaused).toBe(true)
    circuit.reset(new CodedError('test.over', 'enough'))
    expect(router.readingPaused).toBe(false)
  })
})

describe('encryption (protocol section 4.6)', () => {
  it('replays the session of the vectors', async () => {
    const frames = frameVectors('legacy-encrypted-session')
    // Keys of the dialer in crypto.json.
    const clientRx = fromHex('3fdcd349c273b69177f685d2ce39943735bff4c19b34da9733c8372b1a7257e1')
    const clientTx = fromHex('136f5decdbb419f2ef31c4eaf9c194041053e05cf530200b02c6e6a10398cb78')
    const withHeader: Crypto = { ...crypto, encryptor: (key) => crypto.encryptor(key, fromHex(frames[2]!.bodyHex)) }
    const router = await new ScriptedRouter().welcomes()
    const connection = new Connection({ channel: router.channel, slabs: new PlaintextSlabs(), crypto: withHeader })
    const connId = connection.allocate()
    const circuit = new Circuit(connection, info)
    const heard: string[] = []
    circuit.attach({ data: (chunk) => heard.push(Buffer.from(chunk).toString()), end: () => {}, drain: () => {}, close: () => heard.push('CLOSE') })
    connection.start({ receive: clientRx, transmit: clientTx })
    circuit.send(Buffer.from('hello'))
    expect(router.gets({ type: 'Data', connId, flags: announced }).body).toEqual(fromHex(frames[2]!.bodyHex))
    expect(router.gets({ type: 'Data', connId, flags: 0 }).body).toEqual(fromHex(frames[4]!.bodyHex))
    router.gives({ type: 'Data', connId, flags: 4 }, [], fromHex(frames[3]!.bodyHex))
    router.gives({ type: 'Data', connId }, [], fromHex(frames[5]!.bodyHex))
    expect(heard).toEqual(['world'])
    circuit.end()
    expect(router.gets({ type: 'Data', connId, flags: 1 }).body).toHaveLength(0)
    router.gives({ type: 'StateClosed', connId, text: 'close called' })
    expect(heard).toEqual(['world', 'CLOSE'])
  })

  it('resets and counts when a message cannot be decrypted', async () => {
    const key = new Uint8Array(32)
    const { router, connId, errors, attach, settled } = await scripted({ receive: key, transmit: key })
    attach()
    router.gets({ type: 'Data', connId, flags: announced })
    router.gives({ type: 'Data', connId }, [], new Uint8Array(24))
    router.gives({ type: 'Data', connId }, [], new Uint8Array(40))
    await settled()
    expect(errors[0]?.code).toBe('circuit.decrypt')
    expect(router.channel.stats.undecipherable).toBe(1)
    router.gets({ type: 'StateClosed', connId })
  })

  it('takes the stream header and the first message in one body', async () => {
    const key = new Uint8Array(32).fill(7)
    const { router, connId, heard, attach } = await scripted({ receive: key, transmit: key })
    attach()
    const peer = crypto.encryptor(key)
    const first = new Uint8Array(24 + 5 + 17)
    first.set(peer.header)
    peer.push(Buffer.from('hello'), first.subarray(24))
    await Promise.resolve()
    router.gives({ type: 'Data', connId }, [], first)
    expect(heard).toEqual(['hello'])
  })
})

describe('multipart messages (protocol section 4.5)', () => {
  it('are joined for streams', async () => {
    const { router, connId, heard, attach, settled } = await scripted()
    attach()
    await settled()
    router.gives({ type: 'Data', connId, flags: 16 }, [], Uint8Array.of(1, 0, 0x61, 2, 0, 0x62, 0x63))
    expect(heard.join('')).toBe('abc')
  })

  it('end with the stream that is reset by one of their parts', async () => {
    const { router, circuit, connId, settled } = await scripted()
    const heard: string[] = []
    circuit.attach({
      data: (chunk) => {
        heard.push(Buffer.from(chunk).toString())
        circuit.pause()
        circuit.reset(new CodedError('test.over', 'enough'))
      },
      end: () => {},
      drain: () => {},
      close: (error) => heard.push(error?.code ?? 'orderly'),
    })
    await settled()
    router.gives({ type: 'Data', connId, flags: 16 }, [], Uint8Array.of(1, 0, 0x61, 2, 0, 0x62, 0x63))
    await settled()
    expect(heard).toEqual(['a', 'test.over'])
  })

  it('are split for datagrams, and sent only to a peer that announced them', async () => {
    const router = await new ScriptedRouter().welcomes()
    const connection = new Connection({ channel: router.channel, slabs: new PlaintextSlabs(), crypto })
    const connId = connection.allocate()
    const circuit = new DatagramCircuit(connection, { protocol: 'udp' })
    connection.start()
    const heard: string[] = []
    circuit.attach({ message: (datagram) => heard.push(Buffer.from(datagram).toString()), close: () => {} })
    await Promise.resolve()
    circuit.send(Buffer.from('a'))
    circuit.send(Buffer.from('b'))
    router.gets({ type: 'Data', connId, flags: announced, text: 'a' })
    router.gets({ type: 'Data', connId, flags: 0, text: 'b' })
    router.gives({ type: 'Data', connId, flags: 16 | 4 }, [], Uint8Array.of(1, 0, 0x61, 0, 0, 2, 0, 0x62, 0x63))
    expect(heard).toEqual(['a', '', 'bc'])
    circuit.send(Buffer.from('a'))
    circuit.send(Buffer.from('bc'))
    await Promise.resolve()
    expect([...router.gets({ type: 'Data', connId, flags: 16 }).body]).toEqual([1, 0, 0x61, 2, 0, 0x62, 0x63])
    circuit.send(Buffer.from('alone'))
    await Promise.resolve()
    router.gets({ type: 'Data', connId, flags: 0, text: 'alone' })
  })
})

describe('back-pressure', () => {
  it('lets waiters go in turn when the channel has room again', async () => {
    const { router, circuit, heard, attach } = await scripted()
    attach()
    router.takesWrites = false
    let sends = 1
    while (circuit.send(new Uint8Array(60_000))) sends += 1
    router.turn()
    expect(sends).toBeGreaterThan(10)
    expect(heard).toEqual([])
    router.takesWrites = true
    router.turn()
    expect(heard).toEqual(['DRAIN'])
  })
})

it('answers stray data with StateClosed, but not what was on its way to a circuit of before', async () => {
  const { router, circuit, connId } = await scripted()
  router.gives({ type: 'Data', connId: 77, text: 'x' })
  router.gets({ type: 'StateClosed', connId: 77 })
  circuit.reset(new CodedError('test.over', 'enough'))
  router.gets({ type: 'Data', connId, flags: announced, text: '' })
  router.gets({ type: 'StateClosed', connId, text: 'test.over' })
  router.gives({ type: 'Data', connId, text: 'late' })
  expect(router.next()).toBeUndefined()
  expect(router.channel.stats.unknownConnections).toBe(2)
  router.gives({ type: 'ConnInspectRequest', connId: 99 })
  const answer = router.gets({ type: 'ConnInspectResponse', connId: 99, text: 'invalid conn id [99]' })
  expect(answer.headers.get(HeaderId.ConnType)).toEqual(Uint8Array.of(0))
  expect(encodeUint32(99)).toEqual(answer.headers.get(HeaderId.ConnId))
})
