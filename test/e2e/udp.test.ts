import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { createNetwork, type Network } from '@tunnel/devnet'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/ports.ts'
import type { Running } from '../support/programs.ts'
import { identityFile } from '../support/tunnelled-network.ts'
import { startTunneler } from '../support/tunneler.ts'

/** Datagrams through the real program: `ziti-tunnel proxy service:port:udp`, to a server behind a router and one behind `host`. */
let network: Network
let server: Socket
const ports: Record<string, number> = {}
const started: Running[] = []
const names = ['router-hosted', 'tunneler-hosted']

beforeAll(async () => {
  server = createSocket('udp4')
  // What comes goes back with its first byte changed, to the one who sent it.
  server.on('message', (message, from) => server.send(Buffer.concat([Buffer.from('!'), message.subarray(1)]), from.port, from.address))
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
  const { port } = server.address()
  network = await createNetwork()
  await network.createIdentity('client')
  await network.createIdentity('host')
  network.createService('router-hosted', { dial: ['client'], hostedBy: { target: `udp:127.0.0.1:${port}` } })
  network.createService('tunneler-hosted', { dial: ['client'], bind: ['host'], configs: { 'host.v1': { protocol: 'udp', address: '127.0.0.1', port } } })
  for (const name of names) ports[name] = await freePort()
  started.push(startTunneler('-i', identityFile(network, 'host'), 'host'))
  started.push(startTunneler('-i', identityFile(network, 'client'), 'proxy', '--bind', '127.0.0.1', ...names.map((name) => `${name}:${ports[name]}:udp`)))
  await vi.waitFor(() => expect(network.terminators('tunneler-hosted')).toHaveLength(1), { timeout: 15_000 })
  for (const name of names) await started[1]?.line(new RegExp(`service is listening.*${name}|${name}.*service is listening`))
}, 40_000)

afterAll(async () => {
  for (const running of started) await running.stop()
  await network.close()
  server.close()
})

const client = async (name: string): Promise<{ ask(datagram: Buffer): Promise<Buffer>; close(): void }> => {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.connect(ports[name] ?? 0, '127.0.0.1', resolve))
  return {
    ask: (datagram) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no answer to ${datagram.length} bytes`)), 5000)
        socket.once('message', (answer) => (clearTimeout(late), resolve(answer)))
        socket.send(datagram)
      }),
    close: () => void socket.close(),
  }
}

describe.each(names)('%s', (name) => {
  it.each([1, 100, 1472, 9000, 16_368, 65_507])('carries a datagram of %i bytes whole, there and back', async (bytes) => {
    const { ask, close } = await client(name)
    const datagram = randomBytes(bytes)
    const answer = await ask(datagram)
    expect(answer.subarray(1).equals(datagram.subarray(1))).toBe(true)
    expect(answer[0]).toBe('!'.charCodeAt(0))
    close()
  })

  it('keeps clients apart', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => client(name)))
    const answers = await Promise.all(clients.map(({ ask }, index) => ask(Buffer.from(`?${index}`))))
    expect(answers.map(String)).toEqual(clients.map((_, index) => `!${index}`))
    for (const { close } of clients) close()
  })
})
