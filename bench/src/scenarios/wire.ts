import { createClientNetwork, type ClientNetwork } from '../client-network.ts'
import { goodput } from '../goodput.ts'
import { startPart } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Path } from '../world.ts'
import type { Scenario } from './scenario.ts'

const mebibyte = 1024 * 1024
/** Of a round trip of 20 ms, each way. */
const delay = 10
const settings = [
  ['100 Mbit/s', { delay, bytesPerSecond: 12_500_000, queueBytes: 256 * 1024 }, 8 * mebibyte],
  ['0.1 % lost', { delay, loss: 0.001 }, 12 * mebibyte],
  ['1 % lost', { delay, loss: 0.01 }, 4 * mebibyte],
] as const

interface RunningWire {
  readonly path: Path
  stop(): Promise<void>
}

/** From a network of its own to `far`, another one, or to the stack. */
async function startWire(faults: object, seed: number, far?: ClientNetwork): Promise<RunningWire> {
  const near = await createClientNetwork()
  const joined = await startPart('wire', { near: near.path, far: far?.path, faults, seed })
  const { host, peer } = joined.ready as { host: string; peer: string }
  // The default of most hosts. By route, because a network of one's own may not choose what the host has not allowed.
  near.run(`ip route replace ${host} dev wire0 src ${peer} congctl cubic`)
  far?.run(`ip route replace ${peer} dev wire0 src ${host} congctl cubic`)
  const server = far && (await startPart('server', { host }, { network: far.path }))
  return {
    path: { name: 'wire', host, port: Number(server?.ready['port'] ?? 7), network: near.path },
    async stop() {
      await server?.stop()
      await joined.stop()
      near.close()
      far?.close()
    },
  }
}

/** The TCP of the kernel against itself and against ours, over the same wire, at the same time. All kernels have CUBIC, whatever the host's default. */
export const wire: Scenario = {
  name: 'wire',
  intercepts: true,
  async run() {
    const figures: Figure[] = []
    for (const [seed, [name, faults, bytes]] of settings.entries()) {
      const kernel = await startWire(faults, seed, await createClientNetwork())
      const stack = await startWire(faults, seed)
      for (const [kind, label] of [['up', 'kernel to stack'], ['down', 'stack to kernel']] as const) {
        const [yardstick, ours] = await Promise.all([goodput(kernel.path, kind, bytes), goodput(stack.path, kind, bytes)])
        figures.push(
          { name: `goodput kernel to kernel, ${kind}, ${name}`, value: yardstick, unit: 'MB/s' },
          { name: `goodput ${label}, ${name}`, value: ours, unit: 'MB/s' },
          { name: `ratio goodput of ${label} to kernel to kernel, ${name}`, value: ours / yardstick, unit: '', target: { atLeast: 0.8 } },
        )
      }
      await Promise.all([kernel.stop(), stack.stop()])
    }
    return figures
  },
}
