import { runPart } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Scenario } from './scenario.ts'

/** Connections that open, get one byte, and end: one after the other, and 32 at once. */
export const connections: Scenario = {
  name: 'connections',
  async run(world) {
    const figures: Figure[] = []
    for (const path of [world.direct, world.relay, world.sdkHosted]) {
      for (const [atOnce, target] of [[1, 1.2], [32, 0.6]] as const) {
        const rounds = 1000
        await runPart('client', { port: path.port, order: { kind: 'hello' }, connections: atOnce, rounds: 200 })
        const before = path.measured?.cpuSeconds() ?? 0
        const { seconds } = await runPart<{ seconds: number }>('client', { port: path.port, order: { kind: 'hello' }, connections: atOnce, rounds })
        figures.push({ name: `connections ${path.name}, ${atOnce} at once`, value: rounds / seconds, unit: '/s' })
        if (path.measured === undefined) continue
        const cpu = ((path.measured.cpuSeconds() - before) * 1000) / rounds
        const limit = path.measured === world.tunneler ? { target: { atMost: target } } : {}
        figures.push({ name: `CPU per connection ${path.name}, ${atOnce} at once`, value: cpu, unit: 'ms', ...limit })
      }
    }
    return figures
  },
}
