import { createServer, type AddressInfo } from 'node:net'
import { intercepted, interceptedPort } from './intercepted.ts'
import { runPart, startPart, startTunneler, type Part } from './part.ts'

/** Where a client connects, and whose CPU and memory are counted. */
export interface Path {
  readonly name: string
  /** Default: loopback. */
  readonly host?: string
  readonly port: number
  /** Where the client runs: a file that names a network namespace. Default: ours. */
  readonly network?: string
  readonly measured?: Part
}

export const addressOf = ({ host, port }: Path): { host?: string; port: number } => ({ port, ...(host === undefined ? {} : { host }) })

/** No load takes so long; a peer that has lost a connection would hold us up for ever. */
const patience = 40_000

/** Runs the client over `path`, and gives what it said and the CPU time that it cost whoever is measured. */
export async function runClient<T>(path: Path, load: object): Promise<T & { readonly cpuSeconds: number | undefined }> {
  const before = path.measured?.cpuSeconds() ?? 0
  const said = await runPart<T>('client', { ...addressOf(path), ...load }, { network: path.network, timeout: patience })
  return { ...said, cpuSeconds: path.measured && path.measured.cpuSeconds() - before }
}

/** A tunneler that intercepts, with the same far ends. */
export interface TransparentTunneler {
  readonly part: Part
  readonly milliseconds: number
  readonly sdkHosted: Path
  readonly routerHosted: Path
  readonly udpHosted: Path
}

export interface World {
  /** The tunneler, towards a far end behind our SDK (32 KiB messages) and one behind the router (10,240 bytes). */
  readonly sdkHosted: Path
  readonly routerHosted: Path
  /** Straight to the server, and through one and two plain relays. */
  readonly direct: Path
  readonly relay: Path
  readonly relayTwice: Path
  readonly tunneler: Part
  /** Milliseconds from the start of the tunneler to its first answered connection. */
  readonly startMilliseconds: number
  /** The UDP far end: straight, and through the tunneler's listener. */
  readonly udpDirect: Path
  readonly udpHosted: Path
  startAnotherTunneler(): Promise<{ part: Part; port: number; milliseconds: number }>
  startTransparentTunneler(mode: 'tproxy' | 'tun', ...options: readonly string[]): Promise<TransparentTunneler>
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts every part. The tunneler is given two services on two ports. */
export async function startWorld(): Promise<World> {
  const server = await startPart('server')
  const network = await startPart('network', { target: server.ready['port'] })
  const host = await startPart('host', { identity: network.ready['host'] })
  const relay = await startPart('relay', { port: server.ready['port'] })
  const second = await startPart('relay', { port: relay.ready['port'] })

  const identity = String(network.ready['client'])
  const startOne = async (): Promise<{ part: Part; ports: [number, number, number]; milliseconds: number }> => {
    const ports: [number, number, number] = [await freePort(), await freePort(), await freePort()]
    const started = performance.now()
    const part = await startTunneler(['--identity', identity, 'proxy', '--bind', '127.0.0.1', `sdk-hosted:${ports[0]}`, `router-hosted:${ports[1]}`, `udp-hosted:${ports[2]}:udp`])
    await firstAnswer({ port: ports[0] })
    return { part, ports, milliseconds: performance.now() - started }
  }
  const { part: tunneler, ports, milliseconds } = await startOne()
  const port = (part: Part): number => Number(part.ready['port'])
  return {
    sdkHosted: { name: 'tunneler, SDK-hosted', port: ports[0], measured: tunneler },
    routerHosted: { name: 'tunneler, router-hosted', port: ports[1], measured: tunneler },
    direct: { name: 'direct', port: port(server) },
    relay: { name: 'Node relay', port: port(relay), measured: relay },
    relayTwice: { name: 'Node relay, twice', port: port(second), measured: second },
    udpDirect: { name: 'direct', port: port(server) },
    udpHosted: { name: 'tunneler, listener', port: ports[2], measured: tunneler },
    tunneler,
    startMilliseconds: milliseconds,
    async startAnotherTunneler() {
      const another = await startOne()
      return { part: another.part, port: another.ports[0], milliseconds: another.milliseconds }
    },
    async startTransparentTunneler(mode, ...options) {
      const started = performance.now()
      const part = await startTunneler(['--identity', identity, mode, ...options])
      await firstAnswer({ host: intercepted.sdkHosted, port: interceptedPort })
      const path = (name: string, host: string): Path => ({ name: `${mode}, ${name}`, host, port: interceptedPort, measured: part })
      return {
        part,
        milliseconds: performance.now() - started,
        sdkHosted: path('SDK-hosted', intercepted.sdkHosted),
        routerHosted: path('router-hosted', intercepted.routerHosted),
        udpHosted: path('intercepted', intercepted.udpHosted),
      }
    },
    async stop() {
      await tunneler.stop()
      for (const part of [second, relay, host, network, server]) await part.stop()
    },
  }
}

/** Asks until somebody answers. A part of the measurement, so it lives here and asks often. */
async function firstAnswer({ host = '127.0.0.1', port }: { host?: string; port: number }, patience = 15_000): Promise<void> {
  const { connect } = await import('node:net')
  const end = performance.now() + patience
  while (performance.now() < end) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host, noDelay: true }, () => socket.write('hello\n'))
      socket.once('data', () => (resolve(true), socket.destroy()))
      socket.once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
      // Before it is intercepted, an address leads nowhere, and a connection to it would wait for seconds.
      socket.setTimeout(100, () => socket.destroy())
    })
    if (answered) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`nobody answered at ${host}:${port}`)
}
