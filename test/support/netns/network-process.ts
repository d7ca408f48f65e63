/**
 * The far side of a world, in a namespace of its own: the embedded Ziti network and the servers that its router reaches.
 * One JSON request per line on standard input, one answer per line on standard output.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { createNetwork } from '@tunnel/devnet'
import { createDnsServer, records } from '@tunnel/dns'
import type { ServiceOptions } from '@tunnel/devnet'
import { startIperfServer, startPostgres, startRsyncServer, startSshServer, startWebServer, type RealServer } from '../real-servers.ts'

export interface FarSideOptions {
  readonly host: string
  readonly names?: readonly string[]
}

const { host, names = [] } = JSON.parse(process.argv[2] ?? '{}') as FarSideOptions
const network = await createNetwork({ host, names })
const servers = new Map<string, RealServer>()

const listenUdp = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
    socket.on('message', (message, { port: to, address }) => socket.send(message, to, address))
    socket.bind(port, '127.0.0.1', resolve)
  })

const listenTcp = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
    server.listen(port, '127.0.0.1', resolve)
  })

const calls = {
  async identity(name: string) {
    await network.createIdentity(name)
    return network.identityJson(name)
  },
  service: async (name: string, options: ServiceOptions) => void (await network.createService(name, options)),
  async deleteService(name: string) {
    network.deleteService(name)
  },
  /** Both answer with what they were sent. */
  async echo(port: number) {
    await Promise.all([listenUdp(port), listenTcp(port)])
  },
  /** A name server that the world knows by 10.55.0.1, and the router by 127.0.0.1. */
  async dns(zone: Parameters<typeof records>[0]) {
    const listen = [host, '127.0.0.1'].flatMap((address) => [`udp://${address}:53`, `tcp://${address}:53`])
    await createDnsServer({ listen, resolvers: [records(zone)] }).start()
  },
  async web() {
    servers.set('web', await startWebServer())
    return { port: servers.get('web')?.port }
  },
  async ssh() {
    const server = await startSshServer()
    servers.set('ssh', server)
    return { port: server.port, clientOptions: server.clientOptions }
  },
  async postgres() {
    servers.set('postgres', await startPostgres())
    return { port: servers.get('postgres')?.port }
  },
  async iperf() {
    servers.set('iperf', await startIperfServer())
    return { port: servers.get('iperf')?.port }
  },
  /** What is under `folder`, as the module `files`. */
  async rsync(folder: string) {
    servers.set('rsync', await startRsyncServer(folder))
    return { port: servers.get('rsync')?.port }
  },
  killRouter: async (name?: string) => void (await network.killRouter(name ?? 'router-1')),
  dropChannels: async (name: string) => network.dropChannels(name),
  /** The controller is away for a moment, and forgets all connections. */
  async restartController() {
    await network.controller.stop()
    await network.controller.start()
  },
  startRouter: async (name?: string) => void (await network.startRouter(name ?? 'router-1')),
  async stop() {
    await Promise.all([...servers.values()].map((server) => server.stop()))
    await network.close()
  },
}

export type Calls = typeof calls

for await (const line of createInterface(process.stdin)) {
  const { id, call, words } = JSON.parse(line) as { id: number; call: keyof Calls; words: unknown[] }
  try {
    const answer: unknown = await (calls[call] as (...words: unknown[]) => Promise<unknown>)(...words)
    console.log(JSON.stringify({ id, answer: answer ?? null }))
  } catch (error) {
    console.log(JSON.stringify({ id, error: String(error) }))
  }
}
await calls.stop()
process.exit(0)
