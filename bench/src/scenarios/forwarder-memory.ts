import { startPart, type Part } from '../part.ts'
import type { Figure } from '../table.ts'
import { addressOf, runClient, type Path } from '../world.ts'
import { forwarders, outside, startForwarder } from './forwarder.ts'
import type { Scenario } from './scenario.ts'

const settle = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** What 1,000 and 8,000 connections cost that say nothing. Both ends are processes of their own. */
export const forwarderMemory: Scenario = {
  name: 'forwarder-memory',
  intercepts: true,
  async run(world) {
    const figures: Figure[] = []
    for (const each of forwarders()) {
      const server = await startPart('server', { host: outside })
      const running = await startForwarder(each, Number(server.ready['port']))
      try {
        // libslirp opens no more than some hundreds of connections at once.
        const target = each.name === 'our stack' ? { target: { atMost: 16 } } : {}
        figures.push(...(await idleMemory(running.path, running.part, target)))
      } catch (error) {
        console.log(`\n${each.name}: ${error instanceof Error ? error.message : String(error)}`)
      } finally {
        await running.stop()
        await server.stop()
      }
    }
    const tunneler = await world.startTransparentTunneler('tun', '--resolver', 'none')
    figures.push(...(await idleMemory(tunneler.routerHosted, tunneler.part, { target: { atMost: 16 } })))
    await tunneler.part.stop()
    return figures
  },
}

async function idleMemory(path: Path, measured: Part, target: Pick<Figure, 'target'>): Promise<Figure[]> {
  // Code and tables that are touched for the first time are no connection's.
  await runClient(path, { order: { kind: 'hello' }, connections: 16, rounds: 200 })
  await settle(1000)
  const idle = measured.residentBytes()
  const hold = (connections: number): Promise<Part> => startPart('client', { ...addressOf(path), order: { kind: 'echo' }, connections, rounds: 0 }, { network: path.network })
  const few = await hold(1000)
  await settle(1500)
  const thousand = measured.residentBytes()
  const many = await hold(7000)
  await settle(1500)
  const all = measured.residentBytes()
  await few.stop()
  await many.stop()
  return [
    { name: `RSS ${path.name}, idle`, value: idle / 1e6, unit: 'MB' },
    { name: `RSS ${path.name}, 8000 connections`, value: all / 1e6, unit: 'MB' },
    { name: `RSS per connection ${path.name}, of 1000`, value: (thousand - idle) / 1e6, unit: 'kB' },
    { name: `RSS per connection ${path.name}, of 8000`, value: (all - idle) / 8e6, unit: 'kB', ...target },
  ]
}
