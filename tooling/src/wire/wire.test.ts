import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { promisify } from 'node:util'
import type { Faults } from '@tunnel/netstack'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, noNetwork } from '../testing-host/own-network.ts'
import { openWire, type Wire } from './wire.ts'

const exec = promisify(execFile)
const left = { v4: '10.77.0.1', v6: 'fd77::1' }
const right = { v4: '10.77.0.2', v6: 'fd77::2' }

describe.skipIf(noNetwork)('a wire between two kernels', () => {
  let holder: ChildProcess
  let wire: Wire | undefined

  beforeAll(async () => {
    enterOwnNetwork()
    holder = spawn('unshare', ['--net', '--', 'sleep', '120'], { stdio: 'ignore' })
    const own = readlinkSync('/proc/thread-self/ns/net')
    while (readlinkSync(`/proc/${holder.pid}/ns/net`) === own) await new Promise((resolve) => setTimeout(resolve, 5))
  })
  afterAll(() => void holder.kill('SIGKILL'))
  afterEach(async () => {
    await wire?.close()
    wire = undefined
  })

  const connectBoth = (faults: Faults, seed = 1, queuePackets = 4096): Wire => (wire = openWire({ left, right: { ...right, network: `/proc/${holder.pid}/ns/net` }, faults, seed, queuePackets }))
  const over = (program: string, ...words: string[]) => exec('nsenter', ['-t', String(holder.pid), '--net', '--', program, ...words], { encoding: 'buffer', maxBuffer: 64 << 20 })

  /** Fetches `bytes` from a server on the left to the right, by two kernels' own TCP. */
  async function fetchOver(host: string, bytes: number): Promise<{ readonly equal: boolean; readonly milliseconds: number }> {
    const body = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 31 + (i >>> 8)) & 255))
    const server = createServer((_request, response) => response.end(body))
    await new Promise<void>((resolve) => server.listen(0, '::', resolve))
    const { port } = server.address() as { port: number }
    const started = performance.now()
    const { stdout } = await over('curl', '-sS', '--max-time', '20', '--retry', '3', '--retry-connrefused', `http://${host}:${port}/`)
    const milliseconds = performance.now() - started
    server.closeAllConnections()
    server.close()
    return { equal: sha(stdout) === sha(body), milliseconds }
  }
  /** Of the kernel, in the network of this thread: RetransSegs stands under its name. */
  function retransmissions(): number {
    const [names = [], values = []] = readFileSync('/proc/thread-self/net/snmp', 'utf8').split('\n').filter((line) => line.startsWith('Tcp:')).map((line) => line.split(' '))
    return Number(values[names.indexOf('RetransSegs')])
  }
  const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

  it.each([left.v4, `[${left.v6}]`])('carries what they send, unharmed: %s', async (host) => {
    connectBoth({})
    expect(await fetchOver(host, 3_000_000)).toMatchObject({ equal: true })
    expect(wire?.leftToRight).toMatchObject({ overflowed: 0 })
  })

  it('takes the time that it is told, and loses what it is told to', async () => {
    connectBoth({ delay: 10, loss: 0.01 }, 5)
    const { equal, milliseconds } = await fetchOver(left.v4, 1_000_000)
    expect(equal).toBe(true)
    // A handshake, a request and its answer: two round trips at least.
    expect(milliseconds).toBeGreaterThan(40)
    expect(retransmissions()).toBeGreaterThan(0)
  })

  it.each([
    ['reorders', { delay: 5, reorder: 0.05, reorderBy: 8 }],
    ['duplicates', { delay: 1, duplicate: 0.2 }],
    ['corrupts', { delay: 1, corrupt: 0.01 }],
    ['is slow', { bytesPerSecond: 1_000_000, queueBytes: 100_000 }],
  ] as const)('%s, and TCP bears it', async (_what, faults) => {
    connectBoth(faults, 9)
    expect(await fetchOver(left.v4, 400_000)).toMatchObject({ equal: true })
  })

  it('holds no more than it may', async () => {
    const { leftToRight } = connectBoth({ delay: 200 }, 1, 5)
    const socket = createSocket('udp4')
    for (let i = 0; i < 50; i++) socket.send('x', 9, right.v4)
    await expect.poll(() => leftToRight.overflowed).toBeGreaterThanOrEqual(45)
    socket.close()
  })
})
