import { median } from '../median.ts'
import type { Scenario } from './scenario.ts'

/** From the start of the process to the first answered connection, on a running network. Median of five. */
export const start: Scenario = {
  name: 'start',
  async run(world) {
    const times: number[] = []
    for (let run = 0; run < 5; run += 1) {
      const { part, milliseconds } = await world.startAnotherTunneler()
      times.push(milliseconds)
      await part.stop()
    }
    return [{ name: 'start to first connection', value: median(times), unit: 'ms', target: { atMost: 500 } }]
  },
}
