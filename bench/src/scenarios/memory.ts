import { runPart, startPart } from '../part.ts'
import type { Scenario } from './scenario.ts'

const megabytes = (bytes: number): number => bytes / 1e6
const settle = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A tunneler of its own, so that no earlier load shows: idle, with 1000 and 2000 open connections, after the load. */
export const memory: Scenario = {
  name: 'memory',
  async run(world) {
    const { part, port } = await world.startAnotherTunneler()
    const hold = () => startPart('client', { port, order: { kind: 'echo' }, connections: 1000, rounds: 0 })
    await settle(3000)
    const idle = part.residentBytes()
    const first = await hold()
    await settle(2000)
    const thousand = part.residentBytes()
    const second = await hold()
    await settle(2000)
    const twoThousand = part.residentBytes()
    await first.stop()
    await second.stop()
    await runPart('client', { port, order: { kind: 'down', bytes: 512 * 1024 * 1024 }, connections: 8 })
    const loaded = part.residentBytes()
    await settle(20_000)
    const after = part.residentBytes()
    await part.stop()
    return [
      { name: 'RSS idle', value: megabytes(idle), unit: 'MB', target: { atMost: 95 } },
      { name: 'RSS with 1000 connections', value: megabytes(thousand), unit: 'MB' },
      { name: 'RSS with 2000 connections', value: megabytes(twoThousand), unit: 'MB' },
      // The first thousand also pays for code and buffers that are touched for the first time.
      { name: 'RSS per connection, of the first 1000', value: (thousand - idle) / 1e6, unit: 'kB', target: { atMost: 30 } },
      { name: 'RSS per connection, of the second 1000', value: (twoThousand - thousand) / 1e6, unit: 'kB', target: { atMost: 30 } },
      { name: 'RSS right after the load', value: megabytes(loaded), unit: 'MB' },
      { name: 'RSS 20 s after the load', value: megabytes(after), unit: 'MB' },
      { name: 'ratio RSS after the load to idle', value: after / idle, unit: '', target: { atMost: 1.2 } },
    ]
  },
}
