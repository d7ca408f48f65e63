import { median } from '../median.ts'
import type { Figure } from '../table.ts'
import { runClient, type Path, type TransparentTunneler, type World } from '../world.ts'
import type { Scenario } from './scenario.ts'
import { transferInTurns, type Transfer } from './throughput.ts'

const mebibyte = 1024 * 1024
const rounds = 2
const loads = (['up', 'down'] as const).flatMap((kind) => [1, 8, 64].map((connections) => ({ kind, connections })))

/** Interception by TUN beside tproxy, a listener, and no tunneler at all. The two that intercept are started in turns: they want the same addresses. */
export const tun: Scenario = {
  name: 'tun',
  intercepts: true,
  async run(world) {
    const runs: Run[] = []
    for (let round = 0; round < rounds; round += 1) {
      for (const mode of ['tproxy', 'tun'] as const) {
        await withTunneler(world, mode, async ({ sdkHosted }) => runs.push(...(await measureAll(mode, sdkHosted))))
      }
      runs.push(...(await measureAll('listener', world.sdkHosted)), ...(round === 0 ? await measureAll('direct', world.direct) : []))
    }
    return report(runs)
  },
}

type Kind = 'tproxy' | 'tun' | 'listener' | 'direct'

interface Run {
  readonly kind: Kind
  readonly name: string
  readonly unit: string
  readonly value: number
}

async function withTunneler(world: World, mode: 'tproxy' | 'tun', work: (tunneler: TransparentTunneler) => Promise<unknown>): Promise<void> {
  const tunneler = await world.startTransparentTunneler(mode, '--resolver', 'none')
  try {
    await work(tunneler)
  } finally {
    await tunneler.part.stop()
  }
}

async function measureAll(kind: Kind, path: Path): Promise<Run[]> {
  const runs: Run[] = []
  // It has just been started: for the first hundreds of megabytes its code is still being compiled.
  for (const direction of ['up', 'down'] as const) await transferInTurns([path], direction, 8, { bytes: 256 * mebibyte, runs: 1 })
  for (const load of loads) {
    const label = `${load.kind}, ${load.connections} connection${load.connections > 1 ? 's' : ''}`
    const transfer = await transferOnce(path, load.kind, load.connections)
    runs.push({ kind, name: `throughput ${label}`, unit: 'Mbit/s', value: transfer.megabitsPerSecond })
    if (transfer.cpuSecondsPerGigabyte !== undefined) runs.push({ kind, name: `CPU ${label}`, unit: 's/GB', value: transfer.cpuSecondsPerGigabyte })
  }
  const { p50, p99 } = await runClient<{ p50: number; p99: number }>(path, { order: { kind: 'echo' }, connections: 1, rounds: 3000 })
  const hellos = await runClient<{ seconds: number }>(path, { order: { kind: 'hello' }, connections: 32, rounds: 1000 })
  runs.push({ kind, name: 'ping-pong p50', unit: 'µs', value: p50 }, { kind, name: 'ping-pong p99', unit: 'µs', value: p99 })
  runs.push({ kind, name: 'connections, 32 at once', unit: '/s', value: 1000 / hellos.seconds })
  if (hellos.cpuSeconds !== undefined) runs.push({ kind, name: 'CPU per connection, 32 at once', unit: 'ms', value: hellos.cpuSeconds })
  return runs
}

async function transferOnce(path: Path, kind: 'up' | 'down', connections: number): Promise<Transfer> {
  const [transfer] = await transferInTurns([path], kind, connections, { bytes: 256 * mebibyte, runs: 1 })
  return transfer ?? { megabitsPerSecond: 0, cpuSecondsPerGigabyte: undefined }
}

function report(runs: readonly Run[]): Figure[] {
  const valueOf = (kind: Kind, name: string): number => median(runs.filter((run) => run.kind === kind && run.name === name).map(({ value }) => value))
  const kinds = ['direct', 'listener', 'tproxy', 'tun'] as const
  const names = [...new Map(runs.map(({ name, unit }) => [name, unit]))]
  const figures = names.flatMap(([name, unit]) =>
    kinds.filter((kind) => runs.some((run) => run.kind === kind && run.name === name)).map((kind): Figure => ({ name: `${name}, ${kind}`, value: valueOf(kind, name), unit })),
  )
  const ratios = names.map(([name]): Figure => ({ name: `ratio ${name}, tun to tproxy`, value: valueOf('tun', name) / valueOf('tproxy', name), unit: '', ...targetOf(name) }))
  return [...figures, ...ratios]
}

/** Issue 5: as fast as tproxy, for at most a fifth more CPU. */
function targetOf(name: string): Pick<Figure, 'target'> {
  if (name.startsWith('throughput')) return { target: { atLeast: 1 } }
  return name.startsWith('CPU') && !name.includes('per connection') ? { target: { atMost: 1.2 } } : {}
}
