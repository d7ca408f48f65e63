import { runPart, startPart } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Scenario } from './scenario.ts'

/** What many services cost: to intercept all of them, to change one, and for each packet. */
export const services: Scenario = {
  name: 'services',
  intercepts: true,
  async run() {
    const figures: Figure[] = []
    const times: number[] = []
    for (const count of [10, 1_000, 10_000]) {
      const part = await startPart('services', { count })
      try {
        const { all, one, host, port } = part.ready
        const { p50 } = await runPart<{ p50: number }>('client', { host, port, order: { kind: 'echo' }, connections: 1, rounds: 10_000 })
        times.push(p50)
        figures.push(
          { name: `${count} services intercepted`, value: Number(all), unit: 'ms' },
          { name: `one change on top of ${count} services`, value: Number(one), unit: 'ms', ...(count === 10_000 && { target: { atMost: 100 } }) },
          { name: `ping-pong p50 with ${count} services`, value: p50, unit: 'µs' },
        )
      } finally {
        await part.stop()
      }
    }
    figures.push({ name: 'ratio ping-pong p50 with 10,000 services to 10', value: (times[2] ?? 0) / (times[0] ?? 1), unit: '', target: { atMost: 1.2 } })
    return figures
  },
}
