import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Flow, TcpRequest } from '@tunnel/flow'
import { openRouteControl, openTunDevice } from '@tunnel/linux'
import { createNetstack, createSeededRandom, withFaults, type Faults, type Netstack, type NetstackOptions } from '@tunnel/netstack'
import { OrderedClock } from '../ordered-clock.ts'

export interface WireToStack {
  readonly faults?: Faults
  readonly seed?: number
  /** Default 1500. Below 1280 there is no IPv6. */
  readonly mtu?: number
  /** 1 to 250: wires at the same time have different ones. */
  readonly number?: number
  readonly tcp?: NetstackOptions['tcp']
}

/** A stack at the other end of a link of the kernel (of the network that this thread is in), behind a bad wire. */
export interface StackBehindKernel {
  readonly stack: Netstack
  /** Of the stack. */
  readonly v4: string
  readonly v6: string
}

/** Packets under way: a window of 6 MiB in the smallest ones fits. */
const wirePackets = 32_768

export function openStackBehindKernel({ faults = {}, seed = 7, mtu = 1500, number = 77, tcp }: WireToStack): StackBehindKernel {
  const [v4, v6] = [`10.77.${number}.2`, `fd77:${number}::2`]
  const tun = openTunDevice({ mtu, offloads: 'none' })
  const control = openRouteControl()
  control.addAddress({ family: 4, address: `10.77.${number}.1`, prefixLength: 32, device: tun.name, peer: v4 })
  if (mtu >= 1280) control.addAddress({ family: 6, address: `fd77:${number}::1`, prefixLength: 128, device: tun.name, peer: v6 })
  control.close()
  const device = withFaults(tun, faults, { clock: new OrderedClock(wirePackets), random: createSeededRandom(seed), ways: 'both' })
  return { stack: createNetstack({ device, addresses: mtu >= 1280 ? [v4, v6] : [v4], ...(tcp && { tcp }) }), v4, v6 }
}

/** Has a prime for its length, so that a piece in the wrong place does not look right. */
const text = Buffer.from(Array.from({ length: 65_521 }, (_, at) => Math.imul(at, 0x9e37_79b1) >>> 24))

/** `bytes` of one endless text. */
export function* chunksOf(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= text.length) yield left < text.length ? text.subarray(0, left) : text
}

export function sha256Of(bytes: number): string {
  const hash = createHash('sha256')
  for (const chunk of chunksOf(bytes)) hash.update(chunk)
  return hash.digest('hex')
}

/**
 * One connection of the kernel to the stack: `bytes` there, to the end of that half, and only then as many back. Gives what both have heard, as SHA-256, and how
 * long each way took.
 */
export async function exchange({ stack, v4, v6 }: StackBehindKernel, bytes: number, family: 4 | 6 = 4): Promise<readonly [stackHeard: string, kernelHeard: string]> {
  const stackHeard = new Promise<string>((resolve, reject) => {
    stack.onConnect((request) => void hearThenSay(request, bytes).then(resolve, reject))
  })
  const socket = connect({ host: family === 4 ? v4 : v6, port: 7, allowHalfOpen: true })
  const kernelHeard = hashOf(socket)
  await Promise.all([pipeline(Readable.from(chunksOf(bytes)), socket, { end: true }).catch(() => {}), stackHeard])
  return [await stackHeard, await kernelHeard]
}

async function hashOf(socket: Socket): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of socket) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Takes a connection: hears it to its end, and only then answers with `bytes`. */
function hearThenSay(request: TcpRequest, bytes: number): Promise<string> {
  const flow = request.accept()
  const hash = createHash('sha256')
  const say = speaker(flow, bytes)
  return new Promise((resolve, reject) => {
    flow.attach({
      data: (chunk) => void hash.update(chunk),
      end: say,
      drain: say,
      close: (error) => (error ? reject(error) : resolve(hash.digest('hex'))),
    })
  })
}

/** Sends as much as the flow takes, each time it is called, and ends behind `bytes`. */
export function speaker(flow: Flow, bytes: number): () => void {
  const chunks = chunksOf(bytes)
  return () => {
    for (let next = chunks.next(); ; next = chunks.next()) {
      if (next.done) return flow.end()
      if (!flow.send(next.value, () => {})) return
    }
  }
}
