import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createNetwork, type Network } from '@tunnel/devnet'
import type { EdgeOverlay } from '@tunnel/edge'
import type { Flow } from '@tunnel/flow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openOn } from '../support/overlays.ts'

/**
 * A receiver that does not read fills its circuit's queues until the router stops reading the whole channel. Circuits are
 * spread over several channels, so those on the others do not notice.
 */
let network: Network
let client: EdgeOverlay
let server: Server
const channels = 8
const block = Buffer.alloc(32_768)
/** Sockets of the server, in order of arrival: each pours until it is closed. */
const poured: Socket[] = []

beforeAll(async () => {
  server = createServer((socket) => {
    const more = (): void => {
      while (socket.write(block)) {}
    }
    socket.on('drain', more).on('error', () => {})
    poured.push(socket)
    more()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  network = await createNetwork()
  await network.createIdentity('client')
  network.createService('source', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}` } })
  client = await openOn(network, 'client', { channelsPerRouter: channels })
})

afterAll(async () => {
  for (const socket of poured) socket.destroy()
  await client.close()
  await network.close()
  server.close()
})

/** Counts what arrives; `pause` is what a program does that does not read. */
async function sink(): Promise<{ bytes(): number; flow: Flow }> {
  const service = client.services.get('source')
  if (service === undefined) throw new Error('no service')
  const flow = await client.dial(service, { protocol: 'tcp' })
  let bytes = 0
  flow.attach({ data: (chunk) => (bytes += chunk.length), end: () => {}, drain: () => {}, close: () => {} })
  return { bytes: () => bytes, flow }
}

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe('one stalled circuit beside seven others', () => {
  it('stops alone: the others on other channels keep their speed, and memory its bound', async () => {
    const stalled = await sink()
    // A channel is opened for a circuit when the present ones are taken: give each its own.
    const others: Awaited<ReturnType<typeof sink>>[] = []
    for (let index = 0; index < channels - 1; index += 1) {
      await wait(50)
      others.push(await sink())
    }
    // All of it runs in this process: by its own CPU time, what else the machine has to do does not count.
    const rate = async (): Promise<number> => {
      const before = others.map(({ bytes }) => bytes())
      const cpu = process.cpuUsage()
      await wait(1000)
      const { user, system } = process.cpuUsage(cpu)
      return Math.min(...others.map(({ bytes }, index) => bytes() - (before[index] ?? 0))) / (user + system)
    }
    await wait(500)
    const free = await rate()
    stalled.flow.pause()
    await wait(1500)
    const stoppedAt = stalled.bytes()
    const beside = await rate()
    expect(stalled.bytes()).toBe(stoppedAt)
    // The slowest of them: a channel that had stopped would show zero.
    expect(free).toBeGreaterThan(0)
    expect(beside).toBeGreaterThan(free / 2)
    stalled.flow.resume()
    await expect.poll(() => stalled.bytes(), { timeout: 5000 }).toBeGreaterThan(stoppedAt + 1_000_000)
    for (const { flow } of [stalled, ...others]) flow.end()
  }, 30_000)
})
