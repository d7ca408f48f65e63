import { median } from '../median.ts'
import type { Figure } from '../table.ts'
import { runClient, type Path } from '../world.ts'
import type { Scenario } from './scenario.ts'

const mebibyte = 1024 * 1024

export interface Transfer {
  readonly megabitsPerSecond: number
  readonly cpuSecondsPerGigabyte: number | undefined
}

async function transfer(path: Path, kind: 'up' | 'down', connections: number, bytes: number): Promise<Transfer> {
  const { seconds, cpuSeconds } = await runClient<{ seconds: number }>(path, { order: { kind, bytes }, connections })
  return { megabitsPerSecond: (bytes * 8) / 1e6 / seconds, cpuSecondsPerGigabyte: cpuSeconds === undefined ? undefined : cpuSeconds / (bytes / 1e9) }
}

async function medianTransfer(path: Path, kind: 'up' | 'down', connections: number): Promise<Transfer> {
  const [measured] = await transferInTurns([path], kind, connections)
  if (measured === undefined) throw new Error('nothing was measured')
  return measured
}

/**
 * The median of `runs` of each path. They take turns, so that a machine in a bad mood treats them alike. Undefined for one whose
 * transfers break, as those of some peers do.
 */
export async function transferInTurns(paths: readonly Path[], kind: 'up' | 'down', connections: number, { bytes = 512 * mebibyte, runs = 3 } = {}): Promise<readonly (Transfer | undefined)[]> {
  const measured = paths.map((): Transfer[] => [])
  for (let run = 0; run <= runs; run += 1) {
    for (const [index, path] of paths.entries()) {
      const result = await transfer(path, kind, connections, run === 0 ? bytes / 8 : bytes).catch((error: unknown) => console.log(`${path.name}, ${kind}, ${connections} at once: ${String(error)}`))
      // The first warms code and buffers.
      if (result && run > 0) measured[index]?.push(result)
    }
  }
  return measured.map(medianOf)
}

function medianOf(runs: readonly Transfer[]): Transfer | undefined {
  if (runs.length === 0) return undefined
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
