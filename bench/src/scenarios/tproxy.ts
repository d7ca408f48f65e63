import { median } from '../median.ts'
import { runPart } from '../part.ts'
import type { Figure } from '../table.ts'
import { addressOf, type Path } from '../world.ts'
import type { Scenario } from './scenario.ts'
import { transferInTurns } from './throughput.ts'

/** What interception may cost on top of a listener (issue 4). */
const atMost = { target: { atMost: 1.1 } }

/** Intercepted connections beside those that come through a listener: bytes, connections, round trips, start. */
export const tproxy: Scenario = {
  name: 'tproxy',
  intercepts: true,
  async run(world) {
    const figures: Figure[] = []
    const transparent = await world.startTransparentTunneler('tproxy', '--resolver', 'none')
    try {
      for (const [listener, intercepted] of [[world.sdkHosted, transparent.sdkHosted], [world.routerHosted, transparent.routerHosted]] as const) {
        for (const kind of ['up', 'down'] as const) {
          for (const connections of [1, 8]) figures.push(...(await compareTransfers(listener, intercepted, kind, connections)))
        }
      }
      for (const atOnce of [1, 32]) figures.push(...(await compareConnections(world.sdkHosted, transparent.sdkHosted, atOnce)))
      figures.push(...(await comparePingPong(world.sdkHosted, transparent.sdkHosted)))
    } finally {
      await transparent.part.stop()
    }
    return [...figures, ...(await measureStart((...options) => world.startTransparentTunneler('tproxy', ...options)))]
  },
}

async function compareTransfers(listener: Path, intercepted: Path, kind: 'up' | 'down', connections: number): Promise<Figure[]> {
  const label = `${kind}, ${connections} connection${connections > 1 ? 's' : ''}`
  const [plain, taken] = await transferInTurns([listener, intercepted], kind, connections, { runs: 5 })
  if (!plain || !taken) return []
  return [
    { name: `throughput ${intercepted.name}, ${label}`, value: taken.megabitsPerSecond, unit: 'Mbit/s' },
    { name: `CPU ${intercepted.name}, ${label}`, value: taken.cpuSecondsPerGigabyte ?? 0, unit: 's/GB' },
    { name: `ratio throughput of ${intercepted.name} to listener, ${label}`, value: taken.megabitsPerSecond / plain.megabitsPerSecond, unit: '' },
    { name: `ratio CPU per GB of ${intercepted.name} to listener, ${label}`, value: (taken.cpuSecondsPerGigabyte ?? 0) / (plain.cpuSecondsPerGigabyte ?? 1), unit: '', ...atMost },
  ]
}

async function compareConnections(listener: Path, intercepted: Path, atOnce: number): Promise<Figure[]> {
  const runs: { plain: Opened; taken: Opened }[] = []
  for (const path of [listener, intercepted]) await connectMany(path, atOnce, 300) // warms code
  for (let run = 0; run < 3; run += 1) runs.push({ plain: await connectMany(listener, atOnce), taken: await connectMany(intercepted, atOnce) })
  const cpu = median(runs.map(({ taken }) => taken.cpuMilliseconds))
  return [
    { name: `connections ${intercepted.name}, ${atOnce} at once`, value: median(runs.map(({ taken }) => taken.perSecond)), unit: '/s' },
    { name: `CPU per connection ${intercepted.name}, ${atOnce} at once`, value: cpu, unit: 'ms' },
    { name: `ratio CPU per connection of tproxy to listener, ${atOnce} at once`, value: cpu / median(runs.map(({ plain }) => plain.cpuMilliseconds)), unit: '', ...atMost },
  ]
}

interface Opened {
  readonly perSecond: number
  readonly cpuMilliseconds: number
}

async function connectMany(path: Path, atOnce: number, rounds = 1000): Promise<Opened> {
  const before = path.measured?.cpuSeconds() ?? 0
  const { seconds } = await runPart<{ seconds: number }>('client', { ...addressOf(path), order: { kind: 'hello' }, connections: atOnce, rounds })
  return { perSecond: rounds / seconds, cpuMilliseconds: (((path.measured?.cpuSeconds() ?? 0) - before) * 1000) / rounds }
}

async function comparePingPong(listener: Path, intercepted: Path): Promise<Figure[]> {
  const measure = (path: Path) => runPart<{ p50: number; p99: number }>('client', { ...addressOf(path), order: { kind: 'echo' }, connections: 1, rounds: 5000 })
  const plain = await measure(listener)
  const taken = await measure(intercepted)
  return [
    { name: `ping-pong p50 ${intercepted.name}`, value: taken.p50, unit: 'µs' },
    { name: `ping-pong p99 ${intercepted.name}`, value: taken.p99, unit: 'µs' },
    { name: 'ratio ping-pong p50 of tproxy to listener', value: taken.p50 / plain.p50, unit: '' },
  ]
}

/** To the first answered intercepted connection: without and with a DNS server that is put into the host's resolver. */
async function measureStart(start: (...options: string[]) => Promise<{ part: { stop(): Promise<void> }; milliseconds: number }>): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [name, options] of [['no DNS', ['--resolver', 'none']], ['DNS, resolver configured', ['--configure-resolver']]] as const) {
    const times: number[] = []
    for (let run = 0; run < 5; run += 1) {
      const { part, milliseconds } = await start(...options)
      times.push(milliseconds)
      await part.stop()
    }
    figures.push({ name: `start to first intercepted connection, ${name}`, value: median(times), unit: 'ms', target: { atMost: 600 } })
  }
  return figures
}
