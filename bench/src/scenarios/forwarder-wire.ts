import { createClientNetwork, type ClientNetwork } from '../client-network.ts'
import { goodput } from '../goodput.ts'
import { startPart } from '../part.ts'
import type { Figure } from '../table.ts'
import type { Path } from '../world.ts'
import { forwarders, isYardstick, outside, startForwarder, type RunningForwarder } from './forwarder.ts'
import type { Scenario } from './scenario.ts'

const mebibyte = 1024 * 1024
/** One way, in milliseconds: a round trip of 0 and 20. */
const settings = [0, 10].flatMap((delay) => [0, 0.001, 0.01].map((loss) => ({ delay, loss })))

/**
 * Clients of forwarders behind a bad wire: from a network of their own, over the wire, to the network that the forwarder serves, whose kernel routes. Down is
 * sent by the forwarder's own TCP, and its recovery from losses is what is measured; up is sent by the kernel of the clients, to the forwarder's receiver.
 */
export const forwarderWire: Scenario = {
  name: 'forwarder-wire',
  intercepts: true,
  async run() {
    const server = await startPart('server', { host: outside })
    const running: RunningForwarder[] = []
    try {
      for (const each of forwarders()) {
        const forwarder = await startForwarder(each, Number(server.ready['port']))
        running.push(forwarder)
        routeThrough(forwarder.network)
      }
      const figures: Figure[] = []
      for (const [seed, setting] of settings.entries()) figures.push(...(await compare(running, setting, seed)))
      return figures
    } finally {
      for (const each of running) await each.stop()
      await server.stop()
    }
  },
}

/** Some forwarders serve one address only: what comes from the wire goes on as from this network itself. */
function routeThrough(network: ClientNetwork): void {
  network.run(`echo 1 > /proc/sys/net/ipv4/ip_forward
    nft 'add table ip bench; add chain ip bench out { type nat hook postrouting priority srcnat; }; add rule ip bench out oifname != "wire0" masquerade'`)
}

async function compare(running: readonly RunningForwarder[], setting: { delay: number; loss: number }, seed: number): Promise<Figure[]> {
  const figures: Figure[] = []
  const label = `round trip ${2 * setting.delay} ms, ${setting.loss * 100} % lost`
  const own = { up: 0, down: 0 }
  for (const [index, forwarder] of running.entries()) {
    for (const kind of ['up', 'down'] as const) {
      const value = await overWire(forwarder, setting, seed, kind).catch((error: unknown) => console.log(`${forwarder.name}, ${kind}, ${label}: ${String(error)}`))
      if (value === undefined) continue
      if (index === 0) own[kind] = value
      figures.push({ name: `goodput ${forwarder.name}, ${kind}, ${label}`, value, unit: 'MB/s' })
      if (index > 0) figures.push({ name: `ratio goodput of our stack to ${forwarder.name}, ${kind}, ${label}`, value: own[kind] / value, unit: '', ...targetOf(forwarder.name) })
    }
  }
  return figures
}

/** Issue 5: at least the throughput of tun2socks. */
const targetOf = (peer: string): Pick<Figure, 'target'> => (isYardstick(peer) ? { target: { atLeast: 1 } } : {})

/** Each with a wire of its own: the same losses for everybody. */
async function overWire({ network, path }: RunningForwarder, faults: { delay: number; loss: number }, seed: number, kind: 'up' | 'down'): Promise<number> {
  const near = await createClientNetwork()
  const wire = await startPart('wire', { near: near.path, far: network.path, faults, seed })
  try {
    const { host, peer } = wire.ready as { host: string; peer: string }
    near.run(`ip route replace default via ${host} dev wire0 src ${peer} congctl cubic`)
    const away: Path = { name: path.name, host: outside, port: path.port, network: near.path }
    return await goodput(away, kind, bytesFor(faults))
  } finally {
    await wire.stop()
    near.close()
  }
}

/** Some seconds' worth. */
function bytesFor({ delay, loss }: { delay: number; loss: number }): number {
  if (delay === 0) return 4 * mebibyte
  return loss > 0.001 ? mebibyte : 3 * mebibyte
}
