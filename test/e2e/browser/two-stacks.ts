import { systemClock, type Hold } from '@tunnel/flow'
import { createMemoryPipe, createNetstack, createSeededRandom, withFaults } from '../../../packages/netstack/src/index.ts'

export interface Outcome {
  /** Of the server and of the client, and whether each byte was the right one. */
  readonly received: readonly [number, number]
  readonly right: boolean
  readonly error: string | undefined
  /** What a datagram was answered. */
  readonly datagram: string
  /** Nothing of Node is there. */
  readonly node: string
}

const byteAt = (at: number): number => (at * 31 + (at >>> 11)) & 255

/** Moves `bytes` from one stack to another and back, over a wire that loses packets; runs wherever JavaScript does. */
export async function moveBytes(bytes: number): Promise<Outcome> {
  const [left, right] = createMemoryPipe({ mtu: 1500 })
  const lossy = (seed: number) => ({ clock: systemClock, random: createSeededRandom(seed) })
  const server = createNetstack({ device: withFaults(right, { loss: 0.005, delay: 1 }, lossy(1)), addresses: ['10.0.0.2', 'fd00::2'] })
  const client = createNetstack({ device: withFaults(left, { loss: 0.005, delay: 1 }, lossy(2)), addresses: ['10.0.0.1', 'fd00::1'] })
  const received: [number, number] = [0, 0]
  let isRight = true
  const hear = (end: 0 | 1, chunk: Uint8Array): void => {
    for (const byte of chunk) if (byte !== byteAt(received[end]++)) isRight = false
  }
  server.onConnect((request) => {
    const flow = request.accept()
    const answer = (chunk: Uint8Array, hold: Hold): void => {
      hear(0, chunk)
      if (!flow.send(chunk, hold())) flow.pause()
    }
    flow.attach({ data: answer, end: () => flow.end(), drain: () => flow.resume(), close() {} })
  })
  server.onDatagram((request) => {
    const datagrams = request.accept()
    datagrams.attach({ message: (message) => void datagrams.send(message), close() {} })
  })
  const flow = await client.connect({ address: 'fd00::2', port: 7 })
  const error = await new Promise<Error | undefined>((close) => {
    const body = Uint8Array.from({ length: bytes }, (_, at) => byteAt(at))
    let at = 0
    const say = (): void => {
      while (at < bytes) if (!flow.send(body.subarray(at, (at += 16_384)))) return
      flow.end()
    }
    flow.attach({ data: (chunk) => hear(1, chunk), end() {}, drain: say, close })
    say()
  })
  const asked = client.connectDatagrams({ address: '10.0.0.2', port: 53 })
  const answer = new Promise<string>((resolve) => asked.attach({ message: (message) => resolve(new TextDecoder().decode(message)), close() {} }))
  asked.send(new TextEncoder().encode('hello'))
  const datagram = await answer
  await Promise.all([client.close(), server.close()])
  return { received, right: isRight, error: error?.message, datagram, node: `${typeof process} ${typeof Buffer}` }
}

Object.assign(globalThis, { moveBytes })
