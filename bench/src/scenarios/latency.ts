import { runPart } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Scenario } from './scenario.ts'

interface Times {
  readonly p50: number
  readonly p99: number
}

/** 64 bytes there and back. The tunneler's way has three TCP hops, as two relays in a row have. */
export const pingPong: Scenario = {
  name: 'ping-pong',
  async run(world) {
    const figures: Figure[] = []
    const measure = async (port: number): Promise<Times> => runPart<Times>('client', { port, order: { kind: 'echo' }, connections: 1, rounds: 5000 })
    const measured = new Map<string, Times>()
    for (const path of [world.direct, world.relayTwice, world.sdkHosted, world.routerHosted]) {
      const times = await measure(path.port)
      measured.set(path.name, times)
      figures.push({ name: `ping-pong p50 ${path.name}`, value: times.p50, unit: 'µs' }, { name: `ping-pong p99 ${path.name}`, value: times.p99, unit: 'µs' })
    }
    const ratio = (measured.get(world.sdkHosted.name)?.p50 ?? 0) / (measured.get(world.relayTwice.name)?.p50 ?? 1)
    figures.push({ name: 'ratio ping-pong p50 tunneler to relay over as many hops', value: ratio, unit: '', target: { atMost: 2.5 } })
    return figures
  },
}
