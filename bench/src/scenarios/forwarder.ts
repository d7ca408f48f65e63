import { createClientNetwork, type ClientNetwork } from '../client-network.ts'
import type { Forwarder } from '../forwarders/forwarder.ts'
import { goForwarder } from '../forwarders/go-forwarder.ts'
import { namespaceForwarders } from '../forwarders/namespace-forwarders.ts'
import { ownStack } from '../forwarders/own-stack.ts'
import { startPart, type Part } from '../part.ts'
import type { Figure } from '../table.ts'
import { runClient, type Path } from '../world.ts'
import type { Scenario } from './scenario.ts'
import { transferInTurns } from './throughput.ts'

const mebibyte = 1024 * 1024

/** The host's own, beyond every forwarder: where servers listen. */
export const outside = '10.99.0.2'

export interface RunningForwarder {
  readonly name: string
  readonly path: Path
  readonly part: Part
  /** What it forwards for. */
  readonly network: ClientNetwork
  stop(): Promise<void>
}

/** Ours and those that this machine has; the others are named. */
export function forwarders(): Forwarder[] {
  const inGo = goForwarder()
  const others = [...(inGo ? [inGo] : []), ...namespaceForwarders()]
  const missing = ['tun2socks', 'passt', 'slirp4netns'].filter((name) => others.every((other) => other.name !== name))
  const stead = inGo?.name === 'gVisor' ? ' (instead of the first its stack, gVisor)' : ''
  if (missing.length > 0) console.log(`\nwithout ${missing.join(', ')}${stead}: tun2socks is built by a recent go, the others are packages of the system`)
  return [ownStack, ...others]
}

export async function startForwarder(forwarder: Forwarder, port: number): Promise<RunningForwarder> {
  const network: ClientNetwork = await createClientNetwork()
  try {
    const part = await forwarder.start(network)
    const path: Path = { name: forwarder.name, host: outside, port, network: network.path, measured: part }
    const stop = async (): Promise<void> => {
      await part.stop()
      network.close()
    }
    return { name: forwarder.name, path, part, network, stop }
  } catch (error) {
    network.close()
    throw error
  }
}

/** The stack as a plain TCP forwarder, beside others. They take turns under each load. */
export const forwarder: Scenario = {
  name: 'forwarder',
  intercepts: true,
  async run() {
    const server = await startPart('server', { host: outside })
    const port = Number(server.ready['port'])
    const running: RunningForwarder[] = []
    try {
      for (const each of forwarders()) running.push(await startForwarder(each, port))
      const direct: Path = { name: 'direct', host: outside, port }
      const paths = [...running.map(({ path }) => path), direct]
      return [...(await throughputs(paths)), ...(await smallThings(paths))]
    } finally {
      for (const each of running) await each.stop()
      await server.stop()
    }
  },
}

async function throughputs(paths: readonly Path[]): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const kind of ['up', 'down'] as const) {
    for (const connections of [1, 8, 64]) {
      const label = `${kind}, ${connections} connection${connections > 1 ? 's' : ''}`
      const measured = await transferInTurns(paths, kind, connections, { bytes: 256 * mebibyte })
      const [own] = measured
      for (const [index, path] of paths.entries()) {
        const transfer = measured[index]
        if (transfer === undefined) continue
        const { megabitsPerSecond, cpuSecondsPerGigabyte } = transfer
        figures.push({ name: `throughput ${path.name}, ${label}`, value: megabitsPerSecond, unit: 'Mbit/s' })
        if (cpuSecondsPerGigabyte === undefined) continue
        figures.push({ name: `CPU ${path.name}, ${label}`, value: cpuSecondsPerGigabyte, unit: 's/GB' })
        if (index === 0) continue
        figures.push(...ratiosTo(path.name, label, (own?.megabitsPerSecond ?? 0) / megabitsPerSecond, (own?.cpuSecondsPerGigabyte ?? 0) / cpuSecondsPerGigabyte))
      }
    }
  }
  return figures
}

/** tun2socks, or in its stead its stack: whom issue 5 measures us by. */
export const isYardstick = (peer: string): boolean => peer === 'tun2socks' || peer === 'gVisor'

/** Issue 5: at least the throughput of tun2socks (or passt), for at most its CPU. */
function ratiosTo(peer: string, label: string, throughput: number, cpu: number): Figure[] {
  const isTarget = isYardstick(peer)
  return [
    { name: `ratio throughput of our stack to ${peer}, ${label}`, value: throughput, unit: '', ...(isTarget && { target: { atLeast: 1 } }) },
    { name: `ratio CPU per GB of our stack to ${peer}, ${label}`, value: cpu, unit: '', ...(isTarget && { target: { atMost: 1 } }) },
  ]
}

async function smallThings(paths: readonly Path[]): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const path of paths) figures.push(...(await told(path, 'ping-pong', pingPong)))
  for (const path of paths) figures.push(...(await told(path, 'connections', connections)))
  return figures
}

/** What breaks is told of, and the others go on. */
async function told(path: Path, what: string, measure: (path: Path) => Promise<Figure[]>): Promise<Figure[]> {
  try {
    return await measure(path)
  } catch (error) {
    console.log(`${path.name}, ${what}: ${String(error)}`)
    return []
  }
}

async function pingPong(path: Path): Promise<Figure[]> {
  const { p50, p99 } = await runClient<{ p50: number; p99: number }>(path, { order: { kind: 'echo' }, connections: 1, rounds: 4000 })
  return [{ name: `ping-pong p50 ${path.name}`, value: p50, unit: 'µs' }, { name: `ping-pong p99 ${path.name}`, value: p99, unit: 'µs' }]
}

async function connections(path: Path): Promise<Figure[]> {
  await runClient(path, { order: { kind: 'hello' }, connections: 32, rounds: 300 })
  const { seconds, cpuSeconds } = await runClient<{ seconds: number }>(path, { order: { kind: 'hello' }, connections: 32, rounds: 2000 })
  const cpu: Figure[] = cpuSeconds === undefined ? [] : [{ name: `CPU per connection ${path.name}, 32 at once`, value: cpuSeconds / 2, unit: 'ms' }]
  return [{ name: `connections ${path.name}, 32 at once`, value: 2000 / seconds, unit: '/s' }, ...cpu]
}
