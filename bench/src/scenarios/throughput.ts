import { runPart } from '../part.ts'
import type { Figure } from '../table.ts'
import { addressOf, type Path } from '../world.ts'
import type { Scenario } from './scenario.ts'

const mebibyte = 1024 * 1024

interface Transfer {
  readonly megabitsPerSecond: number
  readonly cpuSecondsPerGigabyte: number | undefined
}

async function transfer(path: Path, kind: 'up' | 'down', connections: number, bytes: number): Promise<Transfer> {
  const before = path.measured?.cpuSeconds() ?? 0
  const { seconds } = await runPart<{ seconds: number }>('client', { ...addressOf(path), order: { kind, bytes }, connections })
  const cpu = path.measured && path.measured.cpuSeconds() - before
  return { megabitsPerSecond: (bytes * 8) / 1e6 / seconds, cpuSecondsPerGigabyte: cpu === undefined ? undefined : cpu / (bytes / 1e9) }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

export async function medianTransfer(path: Path, kind: 'up' | 'down', connections: number): Promise<Transfer> {
  const runs: Transfer[] = []
  await transfer(path, kind, connections, 64 * mebibyte) // warms code and buffers
  for (let run = 0; run < 3; run += 1) runs.push(await transfer(path, kind, connections, 512 * mebibyte))
  const cpu = runs.map(({ cpuSecondsPerGigabyte }) => cpuSecondsPerGigabyte).filter((value) => value !== undefined)
  return { megabitsPerSecond: median(runs.map(({ megabitsPerSecond }) => megabitsPerSecond)), cpuSecondsPerGigabyte: cpu.length > 0 ? median(cpu) : undefined }
}

/** The most CPU that a gigabyte may cost the tunneler (issue 3). */
const cpuTarget = (path: string, kind: 'up' | 'down'): number => (path.includes('router-hosted') && kind === 'down' ? 4.5 : 3.5)

export const throughput: Scenario = {
  name: 'throughput',
  async run(world) {
    const figures: Figure[] = []
    for (const path of [world.direct, world.relay, world.sdkHosted, world.routerHosted]) {
      for (const kind of ['up', 'down'] as const) {
        for (const connections of [1, 8]) {
          const { megabitsPerSecond, cpuSecondsPerGigabyte } = await medianTransfer(path, kind, connections)
          const label = `${path.name}, ${kind}, ${connections} connection${connections > 1 ? 's' : ''}`
          figures.push({ name: `throughput ${label}`, value: megabitsPerSecond, unit: 'Mbit/s' })
          if (cpuSecondsPerGigabyte === undefined) continue
          const target = path.measured === world.tunneler ? { target: { atMost: cpuTarget(path.name, kind) } } : {}
          figures.push({ name: `CPU ${label}`, value: cpuSecondsPerGigabyte, unit: 's/GB', ...target })
        }
      }
    }
    return figures
  },
}
