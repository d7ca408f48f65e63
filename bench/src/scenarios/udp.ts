import { runPart } from '../part.ts'
import type { Figure } from '../table.ts'
import { addressOf, type Path } from '../world.ts'
import type { Scenario } from './scenario.ts'

interface Measured {
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
}

/** 64-byte datagrams there and back: straight, through a listener (proxy mode), and intercepted. */
export const udp: Scenario = {
  name: 'udp',
  intercepts: true,
  async run(world) {
    const figures: Figure[] = []
    const measure = async (path: Path): Promise<Measured> => {
      const measured = await runPart<Measured>('udp-client', { ...addressOf(path), rounds: 3000 })
      figures.push(
        { name: `UDP ping-pong p50 ${path.name}`, value: measured.p50, unit: 'µs' },
        { name: `UDP ping-pong p99 ${path.name}`, value: measured.p99, unit: 'µs' },
        { name: `UDP echoes ${path.name}`, value: measured.perSecond, unit: '/s' },
      )
      return measured
    }
    await measure(world.udpDirect)
    const listener = await measure(world.udpHosted)
    const transparent = await world.startTransparentTunneler('tproxy', '--resolver', 'none')
    try {
      const intercepted = await measure(transparent.udpHosted)
      figures.push({ name: 'ratio UDP ping-pong p50 intercepted to listener', value: intercepted.p50 / listener.p50, unit: '', target: { atMost: 1.6 } })
    } finally {
      await transparent.part.stop()
    }
    return figures
  },
}
