import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createVirtualClock } from '@tunnel/flow/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, feed, noNetwork, run } from '../../../../tooling/src/testing-host/own-network.ts'
import { countMark, hostAddress, redirect, routeRanges } from '../testing-host/tproxy-rules.ts'
import { connectMarked } from './marked-connection.ts'
import { openTransparentListener } from './transparent-listener.ts'

const closing: (() => unknown)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

async function listen(address: string): Promise<{ port: number; accepted: Promise<Socket> }> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, address)
  await once(server, 'listening')
  closing.push(() => server.close())
  return { port: (server.address() as AddressInfo).port, accepted: accept(server) }
}

function accept(server: Server): Promise<Socket> {
  return new Promise((resolve) =>
    server.once('connection', (socket) => {
      closing.push(() => socket.destroy())
      resolve(socket)
    }),
  )
}

async function text(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

describe.skipIf(noNetwork)('connectMarked', () => {
  beforeAll(() => {
    enterOwnNetwork()
    routeRanges()
  })

  it.each(['127.0.0.1', '::1'])('gives a socket as net.connect does, to %s, and every packet has the mark', async (host) => {
    const marked = countMark(host === '::1' ? 0x7a690006 : 0x7a690004)
    const { port, accepted } = await listen(host)
    const client = await connectMarked({ host, port, mark: host === '::1' ? 0x7a690006 : 0x7a690004 })
    const server = await accepted
    expect([client.remoteAddress, client.remotePort, client.localPort]).toEqual([host, port, server.remotePort])
    expect([client.connecting, client.allowHalfOpen, client.pending]).toEqual([false, true, false])
    client.setNoDelay(true).setKeepAlive(true, 1000)

    // Each half ends for itself.
    client.end('request')
    expect(await text(server)).toBe('request')
    server.end('answer')
    expect(await text(client)).toBe('answer')
    if (!client.closed) await once(client, 'close')
    // SYN, ACK, data, FIN at least.
    expect(marked()).toBeGreaterThanOrEqual(4)
  })

  it('carries much both ways, with back-pressure', async () => {
    const { port, accepted } = await listen('127.0.0.1')
    const client = await connectMarked({ host: '127.0.0.1', port, mark: 1 })
    const server = await accepted
    server.pipe(server)
    const sent = Buffer.alloc(8 << 20, 'abcdefg')
    client.end(sent)
    expect((await text(client)) === sent.toString()).toBe(true)
  })

  it('reads into a buffer of the caller', async () => {
    const { port, accepted } = await listen('127.0.0.1')
    const read: string[] = []
    const onread = { buffer: Buffer.alloc(64), callback: (length: number, buffer: Uint8Array) => read.push(Buffer.from(buffer.subarray(0, length)).toString()) > 0 }
    const client = await connectMarked({ host: '127.0.0.1', port, onread })
    closing.push(() => client.destroy())
    ;(await accepted).write('hello')
    await expect.poll(() => read).toEqual(['hello'])
  })

  it.each(['127.0.0.1', '::1'])('says that nobody listens on %s as net.connect does', async (host) => {
    const { port } = await listen(host)
    closing.splice(0).forEach((close) => close())
    await expect(connectMarked({ host, port, mark: 1 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: `connect ECONNREFUSED ${host}:${port}`,
      syscall: 'connect',
      errno: -111,
      address: host,
      port,
    })
  })

  it('says at once that there is no way', async () => {
    await expect(connectMarked({ host: '203.0.113.1', port: 80, mark: 1 })).rejects.toMatchObject({ code: 'ENETUNREACH' })
  })

  describe('to a host that is silent', () => {
    beforeAll(() => {
      const drop = ['table inet silence {', 'chain output {', 'type filter hook output priority 0;', 'ip daddr 192.0.2.66 drop', '}', '}', '']
      feed(drop.join('\n'), 'nft', '-f', '-')
    })
    const silent = { host: '192.0.2.66', port: 80 }

    it('gives up after its time', async () => {
      const clock = createVirtualClock()
      const connecting = connectMarked({ ...silent, timeout: 3000, clock })
      clock.advance(3000)
      await expect(connecting).rejects.toMatchObject({ code: 'ETIMEDOUT', message: 'connect ETIMEDOUT 192.0.2.66:80' })
      expect(clock.pending).toBe(0)
    })

    it('gives up on abort, with its reason, and leaves no descriptor', async () => {
      // Sockets that a process still holds; the count of its descriptors changes by others' doing too.
      const held = (): number => run('ss', '-tanH', 'dst', silent.host).split('\n').filter(Boolean).length
      const abort = new AbortController()
      const connecting = Array.from({ length: 20 }, () => connectMarked({ ...silent, signal: abort.signal }))
      expect(held()).toBe(20)
      abort.abort(new Error('enough'))
      for (const each of connecting) await expect(each).rejects.toThrow('enough')
      await expect(connectMarked({ ...silent, signal: abort.signal })).rejects.toThrow('enough')
      expect(held()).toBe(0)
    })
  })

  it('comes from the address that it is given, also from one of another host', async () => {
    const { port, accepted } = await listen('127.0.0.1')
    const client = await connectMarked({ host: '127.0.0.1', port, localAddress: '127.0.0.9', localPort: 4321 })
    closing.push(() => client.destroy())
    expect([(await accepted).remoteAddress, (await accepted).remotePort]).toEqual(['127.0.0.9', 4321])

    const proxy = await listen('127.0.0.1')
    run('ip', 'route', 'add', 'local', '198.51.100.7', 'dev', 'lo')
    const spoofed = await connectMarked({ host: '127.0.0.1', port: proxy.port, localAddress: '198.51.100.7', transparent: true })
    closing.push(() => spoofed.destroy())
    expect((await proxy.accepted).remoteAddress).toBe('198.51.100.7')
    await expect(connectMarked({ host: '127.0.0.1', port, localAddress: '198.51.100.8' })).rejects.toMatchObject({ code: 'linux.missing' })
  })

  it('refuses what is no address', async () => {
    await expect(connectMarked({ host: 'localhost', port: 80 })).rejects.toMatchObject({ code: 'linux.invalid' })
    await expect(connectMarked({ host: '127.0.0.1', port: 65_536 })).rejects.toMatchObject({ code: 'linux.invalid' })
  })
})

describe.skipIf(noNetwork)('a transparent listener', () => {
  it.each([
    ['127.0.0.1', '100.64.3.3', hostAddress.v4],
    ['::1', 'fd64::3', hostAddress.v6],
  ])('on %s accepts what was for %s, and its sockets inherit the mark', async (address, destination, host) => {
    const listener = openTransparentListener({ address, port: 15_080, mark: 0x7a690008 })
    expect(listener.port).toBe(15_080)
    const server = createServer().listen({ fd: listener.fd })
    await once(server, 'listening')
    closing.push(() => server.close())
    if (address === '127.0.0.1') redirect('tcp', listener.port)
    const marked = countMark(0x7a690008)
    const accepted = accept(server)
    const client = await connectMarked({ host: destination, port: 443 })
    closing.push(() => client.destroy())
    const socket = await accepted
    expect([socket.localAddress, socket.localPort]).toEqual([destination, 443])
    expect([socket.remoteAddress, socket.remotePort]).toEqual([host, client.localPort])
    socket.end('from the proxy')
    expect(await text(client)).toBe('from the proxy')
    expect(marked()).toBeGreaterThanOrEqual(2)
    run('nft', 'delete', 'table', 'inet', `count-${0x7a690008}`)
  })

  it('chooses a port, and lets it go', () => {
    const first = openTransparentListener({ address: '127.0.0.1' })
    expect(first.port).toBeGreaterThan(0)
    expect(() => openTransparentListener({ address: '127.0.0.1', port: first.port })).toThrow(expect.objectContaining({ code: 'linux.exists' }))
    first.close()
    first.close()
    openTransparentListener({ address: '127.0.0.1', port: first.port }).close()
  })
})
