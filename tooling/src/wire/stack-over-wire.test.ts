import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import type { TcpRequest } from '@tunnel/flow'
import { openRouteControl, openTunDevice } from '@tunnel/linux'
import { createNetstack, createSeededRandom, withFaults, type Faults, type Netstack } from '@tunnel/netstack'
import koffi from 'koffi'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OrderedClock } from './ordered-clock.ts'

const noNetwork = process.getuid?.() === 0 ? undefined : 'needs root'
const megabyte = 1 << 20

/** What happens to packets, each way, and how much is sent each way in spite of it. */
const rows: readonly (readonly [name: string, faults: Faults, bytes: number])[] = [
  ['nothing', {}, 8 * megabyte],
  ['5 ms', { delay: 5 }, 8 * megabyte],
  ['5 ms and up to 5 ms more', { delay: 5, jitter: 5 }, 4 * megabyte],
  ['1 MB/s', { bytesPerSecond: 1_000_000 }, megabyte],
  ['1 MB/s and a short queue', { bytesPerSecond: 1_000_000, queueBytes: 20_000 }, megabyte],
  ['0.1 % lost', { delay: 1, loss: 0.001 }, 4 * megabyte],
  ['1 % lost', { delay: 1, loss: 0.01 }, 2 * megabyte],
  ['5 % lost', { delay: 1, loss: 0.05 }, megabyte],
  ['3 % held back', { delay: 2, reorder: 0.03, reorderBy: 6 }, 2 * megabyte],
  ['10 % doubled', { delay: 1, duplicate: 0.1 }, 4 * megabyte],
  ['0.5 % corrupted', { delay: 1, corrupt: 0.005 }, megabyte],
  ['all of it', { delay: 2, jitter: 1, loss: 0.005, reorder: 0.01, reorderBy: 4, duplicate: 0.01, corrupt: 0.002 }, megabyte],
]

describe.skipIf(noNetwork)('the TCP of the kernel and ours, over a wire', () => {
  let stack: Netstack | undefined
  beforeAll(() => {
    const unshare = koffi.load(null).func('int unshare(int flags)') as (flags: number) => number
    expect(unshare(0x4000_0000)).toBe(0)
  })
  afterEach(async () => {
    await stack?.close()
    stack = undefined
  })

  function openStack(faults: Faults, seed: number): Netstack {
    const tun = openTunDevice({ mtu: 1500, offloads: 'none' })
    const control = openRouteControl()
    control.addAddress({ family: 4, address: '10.77.0.1', prefixLength: 32, device: tun.name, peer: '10.77.0.2' })
    control.close()
    const device = withFaults(tun, faults, { clock: new OrderedClock(8192), random: createSeededRandom(seed), ways: 'both' })
    return (stack = createNetstack({ device, addresses: ['10.77.0.2'] }))
  }

  it.each(rows)('%s: both ways, with half-close, all arrives', { timeout: 30_000 }, async (_name, faults, bytes) => {
    const body = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 31 + (i >>> 11)) & 255))
    const heard = hashOfFlow(openStack(faults, 7), body)
    const socket = connect({ host: '10.77.0.2', port: 7, allowHalfOpen: true })
    socket.end(body)
    const hash = createHash('sha256')
    for await (const chunk of socket) hash.update(chunk as Buffer)
    const expected = createHash('sha256').update(body).digest('hex')
    expect([await heard, hash.digest('hex')]).toEqual([expected, expected])
  })
})

/** Takes one connection: hears it to its end, and only then answers with `reply`. */
function hashOfFlow(stack: Netstack, reply: Buffer): Promise<string> {
  return new Promise((resolve) => {
    stack.onConnect((request) => resolve(hearThenSay(request, reply)))
  })
}

function hearThenSay(request: TcpRequest, reply: Buffer): Promise<string> {
  const flow = request.accept()
  const hash = createHash('sha256')
  let at = 0
  const say = (): void => {
    while (at < reply.length) {
      const chunk = reply.subarray(at, (at += 65_536))
      if (!flow.send(chunk, () => {})) return
    }
    flow.end()
  }
  return new Promise((resolve, reject) => {
    flow.attach({
      data: (chunk) => void hash.update(chunk),
      end: say,
      drain: say,
      close: (error) => (error ? reject(error) : resolve(hash.digest('hex'))),
    })
  })
}
