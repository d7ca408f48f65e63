import { connect } from 'node:net'
import type { Flow } from '@tunnel/flow'
import type { Faults } from '@tunnel/netstack'
import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { isLong, scaled } from '../../../test/support/scale.ts'
import { enterOwnNetwork, noNetwork } from '../testing-host/own-network.ts'
import { chunksOf, exchange, openStackBehindKernel, sha256Of, speaker, type StackBehindKernel, type WireToStack } from './testing/kernel-and-stack.ts'

const megabyte = 1 << 20
const clean = scaled(100 * megabyte, 8 * megabyte)

/** What happens to packets, each way, and how much is sent each way in spite of it. The longest first. */
const impairments: readonly (readonly [name: string, faults: Faults, bytes: number])[] = [
  ['200 ms', { delay: 200 }, scaled(clean, megabyte)],
  ['nothing', {}, clean],
  ['0.1 % lost', { delay: 1, loss: 0.001 }, 4 * megabyte],
  ['1 % lost', { delay: 1, loss: 0.01 }, 2 * megabyte],
  ['5 % lost', { delay: 1, loss: 0.05 }, megabyte],
  ['10 % lost', { delay: 1, loss: 0.1 }, megabyte],
  ['25 % held back', { delay: 2, reorder: 0.25, reorderBy: 6 }, 2 * megabyte],
  ['5 % doubled', { delay: 1, duplicate: 0.05 }, 4 * megabyte],
  ['1 % corrupted', { delay: 1, corrupt: 0.01 }, megabyte],
  ['50 ms', { delay: 50 }, scaled(clean, 2 * megabyte)],
  ['1 MB/s and a short queue', { bytesPerSecond: 1_000_000, queueBytes: 20_000 }, megabyte],
  ['all of it', { delay: 2, jitter: 1, loss: 0.005, reorder: 0.01, reorderBy: 4, duplicate: 0.01, corrupt: 0.002, bytesPerSecond: 10_000_000 }, megabyte],
]
const mtus = [576, 1280, 1500, 9000, 65_535]

/** Wires exist at the same time: what takes time is waiting. */
let number = 0
const openStack = ({ onTestFinished }: TestContext, options: WireToStack): StackBehindKernel => {
  const behind = openStackBehindKernel({ number: (number = (number % 250) + 1), ...options })
  onTestFinished(() => behind.stack.close())
  return behind
}

beforeAll(() => {
  if (noNetwork) return
  enterOwnNetwork()
})

describe.skipIf(noNetwork)('the TCP of the kernel and ours, over a wire', () => {
  it.concurrent.for(impairments)('%s: both ways, with half-close, all arrives', { timeout: 180_000 }, async ([, faults, bytes], test) => {
    const whole = sha256Of(bytes)
    expect(await exchange(openStack(test, { faults }), bytes)).toEqual([whole, whole])
  })

  it.concurrent.for(mtus)('in packets of up to %i bytes', { timeout: 180_000 }, async (mtu, test) => {
    const behind = openStack(test, { mtu })
    const whole = sha256Of(megabyte)
    for (const family of mtu < 1280 ? ([4] as const) : ([4, 6] as const)) expect(await exchange(behind, megabyte, family)).toEqual([whole, whole])
  })
})

/** N5: every one of these with every other. */
const losses = [0, 0.001, 0.01, 0.05, 0.1]
const delays = [1, 50, 200]
const others: readonly Faults[] = [{}, { reorder: 0.25 }, { duplicate: 0.05 }, { corrupt: 0.01 }]

/** 100 MiB where nothing is lost; else what theory lets through in a few seconds (Mathis: MSS / RTT * 1.22 / sqrt p). */
function bytesFor({ loss = 0, corrupt = 0, reorder = 0, delay = 0 }: Faults, mtu: number): number {
  const lost = loss + corrupt
  if (lost === 0) return reorder > 0 ? 4 * megabyte : 100 * megabyte
  const perSecond = (((mtu - 52) * 1000) / (2 * delay)) * (1.22 / Math.sqrt(lost))
  return Math.round(Math.min(16 * megabyte, Math.max(32_768, 3 * perSecond)))
}

describe.skipIf(noNetwork || !isLong)('the whole grid', () => {
  it.for(mtus.flatMap((mtu) => delays.map((delay) => [mtu, delay] as const)))('packets of %i bytes, %i ms each way: every loss with everything else, at the same time', { timeout: 300_000 }, async ([mtu, delay], test) => {
    const cells = losses.flatMap((loss) => others.map((other): Faults => ({ ...other, loss, delay })))
    const failed: unknown[] = []
    await Promise.all(
      cells.map(async (faults, index) => {
        const bytes = bytesFor(faults, mtu)
        const whole = sha256Of(bytes)
        const heard = await exchange(openStack(test, { faults, mtu, seed: index + mtu }), bytes, mtu >= 1280 && index % 2 > 0 ? 6 : 4).catch(String)
        if (heard[0] !== whole || heard[1] !== whole) failed.push([faults, bytes, heard])
      }),
    )
    expect(failed).toEqual([])
  })
})

describe.skipIf(noNetwork)('who does not read', () => {
  it('closes the window of the kernel: what waits with us is bounded, and all of it comes when he reads', { timeout: 30_000 }, async (test) => {
    const bytes = 24 * megabyte
    const largest = megabyte
    const { stack, v4 } = openStack(test, { tcp: { largestReceiveBufferBytes: largest } })
    const accepted = new Promise<Flow>((resolve) => stack.onConnect((request) => resolve(request.accept())))
    const socket = connect({ host: v4, port: 7 })
    for (const chunk of chunksOf(bytes)) socket.write(chunk)
    socket.end()
    const flow = await accepted
    let received = 0
    let stops = true
    const ended = new Promise<void>((resolve) => {
      const data = (chunk: Uint8Array): void => {
        received += chunk.length
        // It reads at first, so that the window has grown before it stops.
        if (stops && received > 8 * megabyte) flow.pause()
      }
      flow.attach({ data, end: resolve, drain() {}, close() {} })
    })
    await expect.poll(() => received).toBeGreaterThan(8 * megabyte)
    const stopped = received
    const seen: number[] = []
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      seen.push(stack.stats.bufferBytes)
    }
    expect(received).toBe(stopped)
    expect(Math.max(...seen)).toBeLessThan(2 * largest)
    // It has come to rest: nothing grows while the kernel asks whether there is room.
    expect(new Set(seen.slice(10)).size).toBe(1)
    stops = false
    flow.resume()
    await ended
    expect(received).toBe(bytes)
    socket.destroy()
  })

  it('of the kernel makes us stop: what is sent and what waits is bounded, and goes on when he reads', { timeout: 30_000 }, async (test) => {
    const bytes = 16 * megabyte
    const { stack, v4 } = openStack(test, {})
    let flow: Flow | undefined
    stack.onConnect((request) => {
      flow = request.accept()
      const say = speaker(flow, bytes)
      flow.attach({ data() {}, end() {}, drain: say, close() {} })
      say()
    })
    const socket = connect({ host: v4, port: 7 })
    await expect.poll(() => flow?.queuedBytes ?? 0).toBeGreaterThan(0)
    const seen: number[] = []
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      seen.push(flow!.queuedBytes, stack.stats.bufferBytes)
    }
    expect(Math.max(...seen)).toBeLessThan(megabyte)
    let received = 0
    socket.on('error', () => {})
    for await (const chunk of socket) if ((received += (chunk as Buffer).length) === bytes) break
    expect(received).toBe(bytes)
  })
})
