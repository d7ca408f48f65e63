import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createNetwork, type Network } from '@tunnel/devnet'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { residentMebibytes } from '../support/memory.ts'
import { freePort } from '../support/ports.ts'
import type { Running } from '../support/programs.ts'
import { identityFile } from '../support/tunnelled-network.ts'
import { startTunneler } from '../support/tunneler.ts'

/** What goes wrong around the real program, and what its users see of it. */
let network: Network
let server: Server
let serverPort: number
const started: Running[] = []

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  serverPort = (server.address() as AddressInfo).port
  network = await createNetwork({ routers: 2 })
  await network.createIdentity('client')
  await network.createIdentity('host')
})

afterEach(async () => {
  for (const running of started.splice(0)) await running.stop()
  await network.close()
  server.close()
})

const tunneler = (...words: string[]): Running => {
  const running = startTunneler(...words)
  started.push(running)
  return running
}
const proxy = (...services: string[]): Running => tunneler('-i', identityFile(network, 'client'), '--svcPollRate', '1', 'proxy', '--bind', '127.0.0.1', ...services)

interface Client {
  readonly socket: Socket
  /** `end` for an orderly end, else the error. */
  readonly closed: Promise<string>
  ask(text: string): Promise<string>
}

function open(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const closed = new Promise<string>((ended) => {
      let failure = 'end'
      socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message))
      socket.on('close', () => ended(failure))
    })
    const ask = (text: string): Promise<string> =>
      new Promise((answered) => {
        socket.once('data', (chunk: Buffer) => answered(chunk.toString()))
        socket.write(text)
        void closed.then(answered)
      })
    socket.once('connect', () => resolve({ socket, closed, ask }))
    socket.once('error', reject)
  })
}

const answers = async (port: number, text = 'ping'): Promise<string> => {
  const client = await open(port)
  const answer = await client.ask(text)
  client.socket.destroy()
  return answer
}
const eventually = (look: () => Promise<string>) => expect.poll(async () => look().catch(String), { timeout: 20_000, interval: 100 })

describe('a router that is killed', () => {
  it('resets its flows; new dials use the other; listeners rebind', async () => {
    network.createService('echo', { dial: ['client'], bind: ['host'], configs: { 'host.v1': { protocol: 'tcp', address: '127.0.0.1', port: serverPort } } })
    const port = await freePort()
    tunneler('-i', identityFile(network, 'host'), 'host')
    await expect.poll(() => network.terminators('echo').length, { timeout: 10_000 }).toBe(2)
    await proxy(`echo:${port}`).line(/service is listening/)
    const client = await open(port)
    expect(await client.ask('before')).toBe('before')

    for (const victim of network.routers) {
      network.killRouter(victim)
      await eventually(() => answers(port, `without ${victim}`)).toBe(`without ${victim}`)
      await network.startRouter(victim)
      await expect.poll(() => network.terminators('echo').length, { timeout: 30_000 }).toBe(2)
    }
    // Its router was one of the two.
    expect(await client.closed).toMatch(/ECONNRESET|EPIPE/)
  }, 60_000)
})

describe('a controller that is away', () => {
  it('is waited for, said so at growing intervals, and found again', async () => {
    network.createService('echo', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${serverPort}` } })
    const port = await freePort()
    const identity = identityFile(network, 'client')
    await network.controller.stop()
    const running = tunneler('-i', identity, '--svcPollRate', '1', 'proxy', '--bind', '127.0.0.1', `echo:${port}`)
    await running.line(/ECONNREFUSED|unreachable|cannot be reached/)
    await network.controller.start()
    await running.line(/service is listening/, 30)
    expect(await answers(port)).toBe('ping')
  }, 60_000)

  it('does not disturb flows that exist, nor new ones to known services', async () => {
    network.createService('echo', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${serverPort}` } })
    const port = await freePort()
    const running = proxy(`echo:${port}`)
    await running.line(/service is listening/)
    const client = await open(port)
    expect(await client.ask('one')).toBe('one')
    await network.controller.stop()
    await running.line(/warn.*(services|controller)/i, 20)
    expect(await client.ask('two')).toBe('two')
    expect(await answers(port)).toBe('ping')
    await network.controller.start()
    client.socket.destroy()
  }, 60_000)

  it('that forgot our login gets a new one', async () => {
    network.createService('echo', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${serverPort}` } })
    const [port, later] = [await freePort(), await freePort()]
    const running = proxy(`echo:${port}`, `later:${later}`)
    await running.line(/service is listening/)
    network.expireTokens('client', { refreshTokens: true })
    network.createService('later', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${serverPort}` } })
    await running.line(/service is listening.*later|later.*service is listening/, 30)
    await eventually(() => answers(later)).toBe('ping')
  }, 60_000)
})

describe('a service', () => {
  it('that does not exist yet is waited for; one that vanishes closes its listener and not its flows', async () => {
    const port = await freePort()
    const running = proxy(`echo:${port}`)
    await running.line(/echo.*(not available|does not exist|waiting)|waiting.*echo/i)
    await expect(open(port)).rejects.toThrow(/ECONNREFUSED/)
    network.createService('echo', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${serverPort}` } })
    await running.line(/service is listening/)
    const client = await open(port)
    expect(await client.ask('alive')).toBe('alive')
    network.deny({ service: 'echo', dial: ['client'] })
    await expect.poll(() => open(port).then(({ socket }) => (socket.destroy(), 'open'), () => 'closed'), { timeout: 10_000 }).toBe('closed')
    client.socket.destroy()
  }, 60_000)

  it('that nobody hosts resets its clients at once, and the log says what to do', async () => {
    network.createService('nobody', { dial: ['client'], bind: ['host'] })
    const port = await freePort()
    const running = proxy(`nobody:${port}`)
    await running.line(/service is listening/)
    const client = await open(port)
    expect(await client.closed).toMatch(/end|ECONNRESET/)
    await running.line(/no terminators|nobody hosts/i)
  })
})

describe('a reader that does not read', () => {
  it('with 100 MiB behind it costs no memory', async () => {
    const pouring = createServer((socket) => {
      let left = 100 * 2 ** 20
      const block = Buffer.alloc(65_536)
      const more = (): void => {
        while (left > 0) {
          left -= block.length
          if (!socket.write(block)) return void socket.once('drain', more)
        }
        socket.end()
      }
      socket.on('error', () => {})
      more()
    })
    await new Promise<void>((resolve) => pouring.listen(0, '127.0.0.1', resolve))
    network.createService('pour', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${(pouring.address() as AddressInfo).port}` } })
    const port = await freePort()
    const running = proxy(`pour:${port}`)
    await running.line(/service is listening/)
    const warm = await open(port)
    await new Promise((resolve) => warm.socket.once('data', resolve))
    warm.socket.destroy()
    const before = residentMebibytes(running.pid)
    const client = await open(port)
    client.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 4000))
    // LIMITS.md: 1 MiB for the circuit, a slab or two around it; the rest is left to the allocator.
    expect(residentMebibytes(running.pid) - before).toBeLessThan(24)
    let bytes = 0
    client.socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume()
    expect(await client.closed).toBe('end')
    expect(bytes).toBe(100 * 2 ** 20)
    pouring.close()
  }, 60_000)
})
