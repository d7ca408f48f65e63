import { runPart, startPart } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Path } from '../world.ts'
import type { Scenario } from './scenario.ts'
import { transferInTurns } from './throughput.ts'

interface Pair {
  readonly gigabitsPerSecond: number
  readonly cpuSecondsPerGigabyte: number
}

const whole = { checksum: true, segmentationBytes: 65_535 }
const pipes = [
  ['MTU 1500, segmentation offload', { mtu: 1500, offload: whole }, 4e9],
  ['MTU 65535, sums made', { mtu: 65_535 }, 2e9],
  ['MTU 1500, sums made', { mtu: 1500 }, 2e9],
] as const

/** Two stacks in one thread (issue 5: 5 Gbit/s), and one stack behind a TUN with the kernel's TCP as its peer (1 GB/s, one CPU second a gigabyte). */
export const stack: Scenario = {
  name: 'stack',
  intercepts: true,
  async run() {
    const figures: Figure[] = []
    for (const [name, pipe, bytes] of pipes) {
      const runs: Pair[] = []
      for (let run = 0; run < 3; run += 1) runs.push(await runPart<Pair>('stack-pair', { pipe, bytes }))
      const [, median] = runs.toSorted((left, right) => left.gigabitsPerSecond - right.gigabitsPerSecond)
      figures.push(
        { name: `two stacks over memory, ${name}`, value: median?.gigabitsPerSecond ?? 0, unit: 'Gbit/s', target: { atLeast: 5 } },
        { name: `CPU of two stacks over memory, ${name}`, value: median?.cpuSecondsPerGigabyte ?? 0, unit: 's/GB' },
      )
    }
    return [...figures, ...(await overTun())]
  },
}

const links = [
  ['MTU 65535', { mtu: 65_535 }],
  ['MTU 1500', { mtu: 1500 }],
  ['MTU 1500 without offloads', { mtu: 1500, offloads: 'none' }],
] as const

async function overTun(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [index, [name, device]] of links.entries()) {
    const offloads = !('offloads' in device)
    const measured = await startPart('stack-tun', { destination: `10.97.${index}.0/24`, device })
    const path: Path = { name, host: `10.97.${index}.7`, port: 7, measured }
    for (const kind of ['up', 'down'] as const) {
      const [transfer] = await transferInTurns([path], kind, 1, offloads ? {} : { bytes: 64 * 1024 * 1024 })
      const role = kind === 'up' ? 'sink' : 'source'
      figures.push(
        { name: `TUN ${role}, ${name}`, value: (transfer?.megabitsPerSecond ?? 0) / 8000, unit: 'GB/s', ...(offloads && { target: { atLeast: 1 } }) },
        { name: `CPU of the TUN ${role}, ${name}`, value: transfer?.cpuSecondsPerGigabyte ?? 0, unit: 's/GB', ...(offloads && { target: { atMost: 1 } }) },
      )
    }
    await measured.stop()
  }
  return figures
}
