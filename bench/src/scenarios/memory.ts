import { runPart, startPart } from '../part.ts'
import type { Scenario } from './scenario.ts'

const megabytes = (bytes: number): number => bytes / 1e6
const settle = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A tunneler of its own, so that no earlier load shows: idle, with 1000 open connections, after the load. */
export const memory: Scenario = {
  name: 'memory',
  async run(world) {
    const { part, port } = await world.startAnotherTunneler()
    await settle(3000)
    const idle = part.residentBytes()
    const holder = await startPart('client', { port, order: { kind: 'echo' }, connections: 1000, rounds: 0 })
    await settle(2000)
    const open = part.residentBytes()
    await holder.stop()
    await runPart('client', { port, order: { kind: 'down', bytes: 512 * 1024 * 1024 }, connections: 8 })
    const loaded = part.residentBytes()
    await settle(20_000)
    const after = part.residentBytes()
    await part.stop()
    return [
      { name: 'RSS idle', value: megabytes(idle), unit: 'MB', target: { atMost: 95 } },
      { name: 'RSS with 1000 connections', value: megabytes(open), unit: 'MB' },
      { name: 'RSS per open connection', value: (open - idle) / 1000 / 1000, unit: 'kB', target: { atMost: 30 } },
      { name: 'RSS right after the load', value: megabytes(loaded), unit: 'MB' },
      { name: 'RSS 20 s after the load', value: megabytes(after), unit: 'MB' },
      { name: 'ratio RSS after the load to idle', value: after / idle, unit: '', target: { atMost: 1.2 } },
    ]
  },
}
