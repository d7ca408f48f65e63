import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { codeOf } from '../compliance/code-of.ts'
import { collect, collectDatagrams, pattern } from '../compliance/collector.ts'
import { createSocketDialer } from './socket-dialer.ts'

const dialer = createSocketDialer()
const never = new AbortController().signal
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const echoServer = (): Promise<number> => listening(createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)))
const target = (port: number) => ({ protocol: 'tcp', address: '127.0.0.1', port }) as const

describe('tcp', () => {
  it('connects, and passes half-closes', async () => {
    const flow = await dialer.connectTcp(target(await echoServer()), never)
    const heard = collect(flow)
    flow.send(pattern(100_000))
    flow.end()
    expect(await heard.closed).toBeUndefined()
    expect(heard.length).toBe(100_000)
  })

  it('connects from a source address', async () => {
    const from: (string | undefined)[] = []
    const port = await listening(createServer((socket) => (from.push(socket.remoteAddress), socket.destroy())))
    const flow = await dialer.connectTcp({ ...target(port), source: { address: '127.0.0.9' } }, never)
    flow.end()
    await collect(flow).ended
    expect(from).toEqual(['127.0.0.9'])
  })

  it('names what is wrong', async () => {
    const port = await echoServer()
    const free = createServer()
    const closed = await listening(free)
    free.close()
    expect(await codeOf(dialer.connectTcp(target(closed), never))).toBe('host.connect-refused')
    expect(await codeOf(dialer.connectTcp({ ...target(port), address: 'no-such-name.invalid' }, never))).toBe('host.name-not-found')
    const source = { address: '203.0.113.9' }
    expect(await codeOf(dialer.connectTcp({ ...target(port), source }, never))).toBe('host.source-unavailable')
  })
})

describe('an HTTP proxy', () => {
  async function proxy(status = 200): Promise<string> {
    const server = createHttpServer((_request, response) => response.writeHead(405).end())
    server.on('connect', (request, client) => {
      if (status !== 200) {
        client.end(`HTTP/1.1 ${status} Forbidden\r\n\r\n`)
        return
      }
      const { hostname, port } = new URL(`http://${request.url}`)
      const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
      // In one segment with the answer: bytes of the server that come along must not get lost.
      client.write('HTTP/1.1 200 OK\r\n\r\nhello ')
      client.pipe(upstream).pipe(client)
    })
    return `127.0.0.1:${await listening(server)}`
  }

  it('leads to the server, and loses no byte on the way', async () => {
    const flow = await dialer.connectTcp({ ...target(await echoServer()), proxy: await proxy() }, never)
    const heard = collect(flow)
    flow.send(Buffer.from('world'))
    flow.end()
    await heard.ended
    expect(Buffer.from(heard.bytes).toString()).toBe('hello world')
    expect(await heard.closed).toBeUndefined()
  })

  it('that refuses, or is not there, is named', async () => {
    const attempt = dialer.connectTcp({ ...target(1), proxy: await proxy(403) }, never)
    expect(await codeOf(attempt)).toBe('host.proxy-failed')
    await expect(attempt).rejects.toThrow('403 Forbidden')
    expect(await codeOf(dialer.connectTcp({ ...target(1), proxy: '127.0.0.1:1' }, never))).toBe('host.proxy-failed')
  })
})

describe('udp', () => {
  it('exchanges datagrams, also from a source address', async () => {
    const server = createSocket('udp4', (datagram, from) => server.send(`${from.address} ${datagram.length}`, from.port, from.address))
    server.bind(0, '127.0.0.1')
    await once(server, 'listening')
    cleanUps.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const udp = { protocol: 'udp', address: 'localhost', port: server.address().port, source: { address: '127.0.0.9' } } as const
    const flow = await dialer.connectUdp({ ...udp, address: '127.0.0.1' }, never)
    const heard = collectDatagrams(flow)
    flow.send(pattern(1_400))
    expect(Buffer.from((await heard.first(1))[0]!).toString()).toBe('127.0.0.9 1400')
    flow.close()
    await heard.closed
  })

  it('names what is wrong', async () => {
    const udp = { protocol: 'udp', address: 'no-such-name.invalid', port: 53 } as const
    expect(await codeOf(dialer.connectUdp(udp, never))).toBe('host.name-not-found')
  })
})

describe('an HTTP probe', () => {
  it('gives status and body', async () => {
    const port = await listening(createHttpServer((request, response) => response.writeHead(503).end(`${request.method} is not well`)))
    const probe = { url: `http://127.0.0.1:${port}/health`, method: 'POST', body: 'x' }
    expect(await dialer.probeHttp(probe, never)).toEqual({ status: 503, body: 'POST is not well' })
  })
})

describe('sockets of one\'s own', () => {
  const used: string[] = []
  const own = createSocketDialer({
    connectTcp: async ({ address, port }) => {
      used.push(`tcp ${address}`)
      const socket = connect({ host: address === 'server.test' ? '127.0.0.1' : address, port, allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    },
    openUdp: async (family) => {
      used.push(`udp${family}`)
      const socket = createSocket(`udp${family}`).bind(0)
      await once(socket, 'listening')
      return socket
    },
    lookup: async (name) => ({ address: name === 'server.test' ? '127.0.0.1' : name, family: 4 }),
  })
  afterEach(() => void used.splice(0))

  it('carry connections', async () => {
    const flow = await own.connectTcp({ ...target(await echoServer()), address: 'server.test' }, never)
    const heard = collect(flow)
    flow.send(pattern(1000))
    flow.end()
    expect(await heard.closed).toBeUndefined()
    expect(heard.length).toBe(1000)
    expect(used).toEqual(['tcp server.test'])
  })

  it('carry datagrams', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    cleanUps.push(() => server.close())
    server.on('message', (message, { port, address }) => server.send(message, port, address))
    await once(server, 'listening')
    const flow = await own.connectUdp({ protocol: 'udp', address: 'server.test', port: server.address().port }, never)
    const heard = collectDatagrams(flow)
    flow.send(new Uint8Array([7]))
    expect(await heard.first(1)).toEqual([new Uint8Array([7])])
    flow.close()
    expect(used).toEqual(['udp4'])
  })

  it('carry probes', async () => {
    const port = await listening(createHttpServer((_, response) => response.writeHead(418).end('teapot')))
    expect(await own.probeHttp({ url: `http://127.0.0.1:${port}/`, method: 'GET' }, never)).toEqual({ status: 418, body: 'teapot' })
    expect(used).toEqual(['tcp 127.0.0.1'])
    await expect(own.probeHttp({ url: 'http://127.0.0.1:1/', method: 'GET' }, never)).rejects.toThrow('ECONNREFUSED')
  })

  it('reach a proxy, and say when there is none', async () => {
    const proxy = createHttpServer().on('connect', (request, socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${request.url}`))
    const way = { ...target(443), address: 'far.test', proxy: `server.test:${await listening(proxy)}` }
    const heard = collect(await own.connectTcp(way, never))
    await expect.poll(() => String(Buffer.from(heard.bytes))).toBe('far.test:443')
    expect(used).toEqual(['tcp server.test'])
    expect(await codeOf(own.connectTcp({ ...way, proxy: '127.0.0.1:1' }, never))).toBe('host.proxy-failed')
  })
})
