import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { WantedListener } from '@tunnel/core/contracts'
import { pump, type DatagramFlow, type LogFields, type Protocol, type TcpRequest, type UdpRequest } from '@tunnel/flow'
import { connectFlow } from '@tunnel/flow/node'
import { createVirtualClock } from '@tunnel/flow/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createProxyInterceptor, type ProxyInterceptor, type ProxyInterceptorOptions } from './proxy-interceptor.ts'

const cleanups: (() => unknown)[] = []
const clock = createVirtualClock()
let logged: { level: string; source: string; message: string; fields: LogFields | undefined }[]
let requests: (TcpRequest | UdpRequest)[]
let proxy: ProxyInterceptor

beforeEach(() => {
  logged = []
  requests = []
  proxy = create()
})

afterEach(async () => {
  await proxy.close()
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

function create(options: ProxyInterceptorOptions = {}): ProxyInterceptor {
  const created = createProxyInterceptor({
    bind: '127.0.0.1',
    clock,
    log: (level, source, message, fields) => logged.push({ level, source, message, fields }),
    ...options,
  })
  created.onRequest((request) => requests.push(request))
  return created
}

const table = (...listeners: WantedListener[]) => ({ listeners, intercepts: [] })
const wanted = (service: string, port: number, protocol: Protocol = 'tcp', address?: string): WantedListener => ({
  service,
  protocol,
  port,
  ...(address !== undefined && { address }),
})

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 3_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

function listen(port = 0, host = '127.0.0.1'): Promise<Server> {
  return new Promise((resolve) => {
    const server: Server = createServer({ allowHalfOpen: true }).listen(port, host, () => resolve(server))
  })
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** A port that is free for TCP, and most likely for UDP. */
async function freePort(): Promise<number> {
  const server = await listen()
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

function tcpClient(port: number): { socket: Socket; events: string[] } {
  const events: string[] = []
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('data', (data) => events.push(`data ${data}`))
  socket.on('end', () => events.push('end'))
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code}`))
  socket.on('close', () => events.push('close'))
  cleanups.push(() => socket.destroy())
  return { socket, events }
}

async function udpClient(port: number): Promise<{ socket: UdpSocket; received: string[]; send(text: string): void }> {
  const socket = createSocket('udp4')
  const received: string[] = []
  socket.on('message', (datagram) => received.push(datagram.toString()))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  cleanups.push(() => socket.close())
  return { socket, received, send: (text) => socket.send(text, port, '127.0.0.1') }
}

function attach(flow: DatagramFlow): { received: string[]; closes: unknown[] } {
  const seen = { received: [] as string[], closes: [] as unknown[] }
  flow.attach({
    message: (datagram) => seen.received.push(Buffer.from(datagram).toString()),
    close: (error) => seen.closes.push(error),
  })
  return seen
}

const accepted = (index: number) => requests[index]!.accept() as DatagramFlow

describe('apply', () => {
  it('opens what is wanted, says so once, and closes what is not', async () => {
    const [one, two] = [await freePort(), await freePort()]
    expect(await proxy.apply(table(wanted('ssh', one), wanted('web', two)))).toEqual({
      applied: [`listening on tcp 127.0.0.1:${one} for service 'ssh'`, `listening on tcp 127.0.0.1:${two} for service 'web'`],
      removed: [],
      failed: [],
    })
    expect(logged[0]).toEqual({
      level: 'info',
      source: 'intercept/proxy.proxyInterceptor.runServiceListener',
      message: 'service is listening',
      fields: { addr: `127.0.0.1:${one}`, service: 'ssh' },
    })
    expect(await proxy.apply(table(wanted('ssh', one), wanted('web', two)))).toEqual({ applied: [], removed: [], failed: [] })
    expect(logged).toHaveLength(2)
    const { removed } = await proxy.apply(table(wanted('web', two)))
    expect(removed).toEqual([`stopped listening on tcp 127.0.0.1:${one} for service 'ssh'`])
    const { events } = tcpClient(one)
    await until(() => events.includes('close'))
    expect(events[0]).toBe('error ECONNREFUSED')
  })

  it('reports a port in use, opens the rest, and tries again', async () => {
    const other = await listen()
    const [taken, free] = [portOf(other), await freePort()]
    const first = await proxy.apply(table(wanted('ssh', taken), wanted('web', free)))
    expect(first.applied).toHaveLength(1)
    expect(first.failed).toHaveLength(1)
    expect(logged.map(({ level }) => level)).toEqual(['info']) // the failure is in the report, not in the log
    expect(first.failed[0]).toMatchObject({
      service: 'ssh',
      error: {
        code: 'proxy.port-in-use',
        message: `Cannot listen on tcp 127.0.0.1:${taken} for service 'ssh': another program uses port ${taken}. Stop it, or choose another port`,
        detail: { service: 'ssh', protocol: 'tcp', addr: `127.0.0.1:${taken}`, errno: 'EADDRINUSE' },
      },
    })
    await new Promise((resolve) => other.close(resolve))
    const second = await proxy.apply(table(wanted('ssh', taken), wanted('web', free)))
    expect(second).toEqual({ applied: [`listening on tcp 127.0.0.1:${taken} for service 'ssh'`], removed: [], failed: [] })
  })

  it('reports a UDP port in use', async () => {
    const client = await udpClient(9)
    const { failed } = await proxy.apply(table(wanted('dns', client.socket.address().port, 'udp')))
    expect(failed.map(({ error }) => error.code)).toEqual(['proxy.port-in-use'])
  })

  it('reports addresses that this host does not have, unknown interfaces and impossible ports', async () => {
    const port = await freePort()
    const { failed } = await proxy.apply(
      table(
        wanted('a', port, 'tcp', '192.0.2.1'),
        wanted('b', port, 'udp', '192.0.2.1'),
        wanted('c', port, 'tcp', 'no-such-if'),
        wanted('d', 70_000),
        wanted('e', 0),
      ),
    )
    expect(new Map(failed.map(({ service, error }) => [service, error.code]))).toEqual(
      new Map([
        ['a', 'proxy.address-unavailable'],
        ['b', 'proxy.address-unavailable'],
        ['c', 'proxy.interface-unknown'],
        ['d', 'proxy.port-invalid'],
        ['e', 'proxy.port-invalid'],
      ]),
    )
  })

  it('binds to the address of an interface', async () => {
    proxy = create({ lookupInterface: (name) => (name === 'lan0' ? '127.0.0.2' : undefined) })
    const port = await freePort()
    const { applied } = await proxy.apply(table(wanted('ssh', port, 'tcp', 'lan0')))
    expect(applied).toEqual([`listening on tcp 127.0.0.2:${port} for service 'ssh'`])
  })

  it('gives a port to the first of two services, and to the second when the first goes', async () => {
    const port = await freePort()
    const { applied, failed } = await proxy.apply(table(wanted('a', port), wanted('b', port), wanted('a', port)))
    expect(applied).toHaveLength(1)
    expect(failed.map(({ service, error }) => [service, error.code])).toEqual([['b', 'proxy.port-in-use']])
    const second = await proxy.apply(table(wanted('b', port)))
    expect([second.applied, second.removed]).toEqual([
      [`listening on tcp 127.0.0.1:${port} for service 'b'`],
      [`stopped listening on tcp 127.0.0.1:${port} for service 'a'`],
    ])
    tcpClient(port)
    await until(() => requests.length === 1)
    expect(requests[0]?.service).toBe('b')
  })

  it('is serialised: the last table wins', async () => {
    const [one, two] = [await freePort(), await freePort()]
    const reports = await Promise.all([proxy.apply(table(wanted('a', one))), proxy.apply(table(wanted('b', two)))])
    expect(reports.map(({ applied, removed }) => [applied.length, removed.length])).toEqual([[1, 0], [1, 1]])
  })

  it('opens nothing after close', async () => {
    await proxy.close()
    const { failed } = await proxy.apply(table(wanted('a', await freePort())))
    expect(failed[0]?.error.code).toBe('proxy.closed')
  })
})

describe('plan', () => {
  it('tells what apply would do, and does nothing', async () => {
    const [one, two] = [await freePort(), await freePort()]
    await proxy.apply(table(wanted('ssh', one)))
    const changes = proxy.plan(table(wanted('dns', two, 'udp')))
    expect(changes).toEqual([
      {
        kind: 'listener.close',
        summary: `stop listening on tcp 127.0.0.1:${one} for service 'ssh'`,
        parameters: { listener: `tcp 127.0.0.1:${one}`, service: 'ssh' },
      },
      {
        kind: 'listener.open',
        summary: `listen on udp 127.0.0.1:${two} for service 'dns'`,
        parameters: { service: 'dns', protocol: 'udp', address: '127.0.0.1', port: two },
      },
    ])
    expect(proxy.plan(table(wanted('ssh', one)))).toEqual([])
  })
})

describe('TCP', () => {
  it('raises a request with the service and both endpoints, and loses no early byte', async () => {
    const port = await freePort()
    await proxy.apply(table(wanted('ssh', port)))
    const { socket, events } = tcpClient(port)
    socket.end('early')
    await until(() => requests.length === 1)
    const request = requests[0] as TcpRequest
    expect({ ...request }).toMatchObject({
      protocol: 'tcp',
      service: 'ssh',
      from: { address: '127.0.0.1', port: socket.localPort },
      to: { address: '127.0.0.1', port },
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    const flow = request.accept()
    expect(flow.info.service).toBe('ssh')
    const got: string[] = []
    flow.attach({
      data: (chunk) => got.push(Buffer.from(chunk).toString()),
      end() {
        got.push('end')
        flow.send(Buffer.from('answer'))
        flow.end()
      },
      drain() {},
      close: (error) => got.push(`close ${error?.code}`),
    })
    await until(() => got.length === 3 && events.includes('close'))
    expect(got).toEqual(['early', 'end', 'close undefined'])
    expect(events).toEqual(['data answer', 'end', 'close'])
    expect(() => request.accept()).toThrow(expect.objectContaining({ code: 'flow.answered' }))
  })

  it('refuses by reset', async () => {
    const port = await freePort()
    await proxy.apply(table(wanted('ssh', port)))
    proxy.onRequest((request) => request.refuse('prohibited'))
    const { events } = tcpClient(port)
    await until(() => events.includes('close'))
    expect(events).toEqual(['error ECONNRESET', 'close'])
  })

  it('tells when the asker goes away before an answer, also when asked late', async () => {
    const port = await freePort()
    await proxy.apply(table(wanted('ssh', port)))
    const { socket } = tcpClient(port)
    socket.write('hello')
    await until(() => requests.length === 1)
    const request = requests[0] as TcpRequest
    const abandons: string[] = []
    request.onAbandon(() => abandons.push('first'))
    socket.resetAndDestroy()
    await until(() => abandons.length === 1)
    request.onAbandon(() => abandons.push('second'))
    expect(abandons).toEqual(['first', 'second'])
    expect(() => request.refuse('reset')).not.toThrow()
  })

  it('leaves accepted flows alone when the listener goes', async () => {
    const port = await freePort()
    await proxy.apply(table(wanted('ssh', port)))
    const { socket, events } = tcpClient(port)
    await until(() => requests.length === 1)
    const flow = (requests[0] as TcpRequest).accept()
    const got: string[] = []
    flow.attach({ data: (chunk) => got.push(Buffer.from(chunk).toString()), end() {}, drain() {}, close() {} })
    await proxy.apply(table())
    await proxy.close()
    socket.write('still')
    flow.send(Buffer.from('here'))
    await until(() => got.length === 1 && events.length === 1)
    expect([got, events]).toEqual([['still'], ['data here']])
  })

  it('forwards, as the README shows', async () => {
    const database = await listen()
    cleanups.push(() => database.close())
    database.on('connection', (socket) => socket.pipe(socket))
    const port = await freePort()
    proxy.onRequest(async (request) => {
      if (request.protocol === 'udp') return request.refuse('prohibited')
      const server = await connectFlow({ host: '127.0.0.1', port: portOf(database) }).catch(() => undefined)
      if (server) pump(request.accept(), server)
      else request.refuse('reset')
    })
    await proxy.apply(table(wanted('db', port)))
    const { socket, events } = tcpClient(port)
    socket.end('select 1')
    await until(() => events.includes('close'))
    expect(events).toEqual(['data select 1', 'end', 'close'])
  })
})

const hasIPv6 = Object.values(networkInterfaces()).some((entries) => entries?.some(({ address }) => address === '::1'))

describe.skipIf(!hasIPv6)('both families', () => {
  it('takes IPv4 clients on ::, and shows them as such', async () => {
    proxy = create({ bind: '::' })
    const port = await freePort()
    const { applied } = await proxy.apply(table(wanted('web', port), wanted('dns', port, 'udp')))
    expect(applied).toEqual([`listening on tcp [::]:${port} for service 'web'`, `listening on udp [::]:${port} for service 'dns'`])
    const { socket } = tcpClient(port)
    const client = await udpClient(port)
    client.send('question')
    await until(() => requests.length === 2)
    const byService = new Map(requests.map((request) => [request.service, request]))
    expect(byService.get('web')?.from).toEqual({ address: '127.0.0.1', port: socket.localPort })
    expect(byService.get('dns')?.from).toEqual({ address: '127.0.0.1', port: client.socket.address().port })
    const flow = byService.get('dns')!.accept() as DatagramFlow
    flow.send(Buffer.from('answer'))
    await until(() => client.received.length === 1)
    byService.get('web')!.refuse('reset')
    flow.close()
  })
})

describe('UDP', () => {
  async function udp(options: ProxyInterceptorOptions = {}): Promise<number> {
    proxy = create(options)
    const port = await freePort()
    await proxy.apply(table(wanted('dns', port, 'udp')))
    return port
  }

  it('raises one request per client, delivers the first datagram first, and answers from the same port', async () => {
    const port = await udp()
    const [one, two] = [await udpClient(port), await udpClient(port)]
    one.send('1a')
    one.send('1b')
    await until(() => requests.length === 1)
    two.send('2a')
    await until(() => requests.length === 2)
    expect(requests[0]).toMatchObject({
      protocol: 'udp',
      service: 'dns',
      from: { address: '127.0.0.1', port: one.socket.address().port },
      to: { address: '127.0.0.1', port },
    })
    const [first, second] = [accepted(0), accepted(1)]
    const [seen, seenToo] = [attach(first), attach(second)]
    await until(() => seen.received.length === 2 && seenToo.received.length === 1)
    expect([seen.received, seenToo.received]).toEqual([['1a', '1b'], ['2a']])
    const from: number[] = []
    one.socket.on('message', (_, { port: source }) => from.push(source))
    expect(first.send(Buffer.from('answer'))).toBe(true)
    await until(() => one.received.length === 1)
    expect([one.received, two.received, from]).toEqual([['answer'], [], [port]])
    one.send('1c')
    await until(() => seen.received.length === 3)
    expect(requests).toHaveLength(2)
  })

  it('queues 16 datagrams until it is accepted, and counts the rest', async () => {
    const port = await udp()
    const client = await udpClient(port)
    for (let index = 0; index < 20; index += 1) client.send(String(index))
    await until(() => proxy.stats.droppedDatagrams === 4)
    const seen = attach(accepted(0))
    await until(() => seen.received.length === 16)
    expect(seen.received.at(0)).toBe('0')
    expect(seen.received.at(-1)).toBe('15')
  })

  it('ends idle sessions, and asks anew', async () => {
    const port = await udp({ udpIdle: 60_000 })
    const client = await udpClient(port)
    client.send('a')
    await until(() => requests.length === 1)
    const flow = accepted(0)
    const seen = attach(flow)
    await until(() => seen.received.length === 1)
    clock.advance(59_999)
    flow.send(Buffer.from('traffic counts'))
    clock.advance(59_999)
    expect(proxy.stats.udpSessions).toBe(1)
    clock.advance(1)
    await until(() => seen.closes.length === 1)
    expect(seen.closes).toEqual([undefined])
    expect(proxy.stats.udpSessions).toBe(0)
    expect(flow.send(Buffer.from('late'))).toBe(false)
    client.send('b')
    await until(() => requests.length === 2)
  })

  it('ends sessions that nobody answers', async () => {
    const port = await udp()
    const client = await udpClient(port)
    client.send('a')
    await until(() => requests.length === 1)
    clock.advance(5 * 60_000)
    expect(proxy.stats.udpSessions).toBe(0)
    const seen = attach(accepted(0))
    await until(() => seen.closes.length === 1)
    expect(seen.received).toEqual([])
  })

  it('bounds the number of sessions of all listeners: the longest idle makes room', async () => {
    const port = await udp({ udpSessions: 2 })
    const other = await freePort()
    await proxy.apply(table(wanted('echo', port, 'udp'), wanted('other', other, 'udp')))
    const [one, two, three] = [await udpClient(port), await udpClient(port), await udpClient(other)]
    one.send('1')
    await until(() => requests.length === 1)
    two.send('2')
    await until(() => requests.length === 2)
    const seen = [attach(accepted(0)), attach(accepted(1))]
    one.send('again')
    await until(() => seen[0]!.received.length === 2)
    three.send('3')
    await until(() => requests.length === 3)
    await until(() => seen[1]!.closes.length === 1)
    expect(seen[0]!.closes).toEqual([])
    expect(proxy.stats).toEqual({ udpSessions: 2, displacedSessions: 1, droppedDatagrams: 0 })
    two.send('back')
    await until(() => requests.length === 4 && seen[0]!.closes.length === 1)
  })

  it('lets accepted sessions live on when the listener goes, and takes the port again while they do', async () => {
    const port = await udp()
    const [one, two] = [await udpClient(port), await udpClient(port)]
    one.send('1')
    await until(() => requests.length === 1)
    const flow = accepted(0)
    const seen = attach(flow)
    await proxy.apply(table())
    two.send('nobody listens')
    one.send('2')
    await until(() => seen.received.length === 2)
    expect(requests).toHaveLength(1)
    const { applied, failed } = await proxy.apply(table(wanted('other', port, 'udp')))
    expect([applied.length, failed.length]).toEqual([1, 0])
    two.send('again')
    await until(() => requests.length === 2)
    expect(requests[1]?.service).toBe('other')
    flow.close()
    await until(() => seen.closes.length === 1)
  })

  it('frees the port when the last session of a removed listener ends', async () => {
    const ownClock = createVirtualClock()
    const port = await udp({ clock: ownClock })
    const client = await udpClient(port)
    client.send('1')
    await until(() => requests.length === 1)
    const flow = accepted(0)
    await proxy.close()
    expect(ownClock.pending).toBe(1)
    flow.close()
    expect(ownClock.pending).toBe(0)
    const again = createSocket('udp4')
    await new Promise<void>((resolve, reject) => again.once('error', reject).bind(port, '127.0.0.1', resolve))
    again.close()
  })
})
