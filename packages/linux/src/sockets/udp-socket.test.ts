import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Endpoint } from '@tunnel/flow'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { countMark, hostAddress, redirect, routeRanges } from '../testing-host/tproxy-rules.ts'
import { openUdpDescriptor, type UdpSocketOptions } from './udp-descriptor.ts'
import { openUdpSocket, type BatchedUdpSocket } from './udp-socket.ts'

interface Heard {
  readonly text: string
  readonly from: Endpoint
  readonly to: Endpoint
}

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

function open(options: UdpSocketOptions): BatchedUdpSocket {
  const socket = openUdpSocket(options)
  closing.push(() => socket.close())
  return socket
}

/** Copies what it hears: the datagrams are borrowed. */
function listening(options: UdpSocketOptions) {
  const socket = open(options)
  const heard: Heard[] = []
  const errors: string[] = []
  const batches: number[] = []
  socket.start(
    (batch) => {
      batches.push(batch.length)
      heard.push(...batch.map(({ data, from, to }) => ({ text: data.toString('latin1'), from, to })))
    },
    (errno) => errors.push(errno),
  )
  return { socket, heard, errors, batches }
}

function echo(options: UdpSocketOptions): BatchedUdpSocket {
  const socket = open(options)
  socket.start((batch) => batch.forEach(({ data, from }) => socket.send(data, from)))
  return socket
}

/** node:dgram as the other voice. */
async function peer(address: string): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  socket.setRecvBufferSize(1 << 20)
  closing.push(() => socket.close())
  return socket
}

describe.skipIf(noNetwork)('a batched UDP socket', () => {
  beforeAll(() => {
    enterOwnNetwork()
    routeRanges()
  })

  it.each(['127.0.0.1', '::1'])('talks with node:dgram on %s', async (address) => {
    const { local } = echo({ address })
    const client = await peer(address)
    client.send('hello', local.port, address)
    const [text, from] = await once(client, 'message')
    expect([String(text), from.address, from.port]).toEqual(['hello', address, local.port])
    expect(local.address).toBe(address)
    expect(local.port).toBeGreaterThan(0)
  })

  it.each([
    ['127.0.0.1', 65_507],
    ['::1', 65_527],
  ])('carries datagrams of every size whole on %s', async (address, most) => {
    const { local } = echo({ address })
    const client = listening({ address })
    const sizes = [0, 1, 1472, 1473, 16_384, 65_000, most]
    for (const size of sizes) client.socket.send(Buffer.alloc(size, size & 0xff), local)
    await expect.poll(() => client.heard.map(({ text }) => text.length)).toEqual(sizes)
    for (const { text } of client.heard) expect(text).toBe(Buffer.alloc(text.length, text.length & 0xff).toString('latin1'))
    expect(client.socket.send(Buffer.alloc(most + 1), local)).toBe(false)
    expect(client.socket.dropped).toBe(1)
  })

  it('keeps order and loses nothing over many batches', async () => {
    const server = listening({ address: '127.0.0.1' })
    const client = open({ address: '127.0.0.1' })
    const texts = Array.from({ length: 1000 }, (_, index) => `datagram ${index}`)
    for (const text of texts) expect(client.send(Buffer.from(text), server.socket.local)).toBe(true)
    await expect.poll(() => server.heard.map(({ text }) => text)).toEqual(texts)
    expect(Math.max(...server.batches)).toBe(64)
    expect(client.dropped).toBe(0)
  })

  it('copies what it is given to send', async () => {
    const server = listening({ address: '127.0.0.1' })
    const client = open({ address: '127.0.0.1' })
    const data = Buffer.from('first')
    client.send(data, server.socket.local)
    data.write('later')
    client.send(data, server.socket.local)
    await expect.poll(() => server.heard.map(({ text }) => text)).toEqual(['first', 'later'])
  })

  it('sends what waits before it closes, and nothing after', async () => {
    const server = listening({ address: '127.0.0.1' })
    const client = open({ address: '127.0.0.1' })
    client.send(Buffer.from('last words'), server.socket.local)
    client.close()
    client.close()
    expect(client.send(Buffer.from('ghost'), server.socket.local)).toBe(false)
    await expect.poll(() => server.heard.map(({ text }) => text)).toEqual(['last words'])
  })

  it('can be closed while it hands over a batch', async () => {
    const socket = open({ address: '127.0.0.1' })
    let batches = 0
    socket.start(() => {
      batches++
      socket.close()
    })
    const client = open({ address: '127.0.0.1' })
    for (let count = 0; count < 200; count++) client.send(Buffer.from('x'), socket.local)
    await expect.poll(() => batches).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(batches).toBe(1)
  })

  it('gives the same peer as the same object, and tells peers apart', async () => {
    const server = listening({ address: '::1' })
    const [left, right] = [open({ address: '::1' }), open({ address: '::1' })]
    for (const client of [left, right, left]) client.send(Buffer.from('x'), server.socket.local)
    await expect.poll(() => server.heard).toHaveLength(3)
    const ports = server.heard.map(({ from }) => from.port)
    expect(ports.sort()).toEqual([left.local.port, left.local.port, right.local.port].sort())
    expect(new Set(server.heard.map(({ from }) => from)).size).toBe(2)
    expect(server.heard[0]!.to).toEqual(server.socket.local)
  })

  it('drops and counts what cannot go where it should', async () => {
    const socket = open({ address: '127.0.0.1' })
    const data = Buffer.from('x')
    expect(socket.send(data, { address: '::1', port: 9 })).toBe(false)
    expect(socket.send(data, { address: 'localhost', port: 9 })).toBe(false)
    expect(socket.send(data, { address: '127.0.0.1', port: 70_000 })).toBe(false)
    expect(socket.send(data)).toBe(false)
    expect(socket.dropped).toBe(4)
    // No route: the kernel refuses one, and the next still leaves.
    const server = listening({ address: '127.0.0.1' })
    const client = open({ address: '0.0.0.0' })
    client.send(data, { address: '203.0.113.1', port: 9 })
    client.send(data, server.socket.local)
    await expect.poll(() => server.heard).toHaveLength(1)
    expect(client.dropped).toBe(1)
  })

  it('hears only its peer when connected, tells what came back by ICMP, and lives on', async () => {
    const gone = open({ address: '127.0.0.1' })
    const { local } = gone
    gone.close()
    const client = listening({ address: '127.0.0.1', connectTo: local })
    client.socket.send(Buffer.from('anybody?'))
    await expect.poll(() => client.errors).toEqual(['ECONNREFUSED'])
    const back = echo({ address: '127.0.0.1', port: local.port })
    const stranger = open({ address: '127.0.0.1' })
    stranger.send(Buffer.from('not me'), client.socket.local)
    client.socket.send(Buffer.from('hello'))
    await expect.poll(() => client.heard).toEqual([{ text: 'hello', from: back.local, to: client.socket.local }])
  })

  it('reads on after an exception of its reader, which is not swallowed', async () => {
    const socket = open({ address: '127.0.0.1' })
    const texts: string[] = []
    socket.start((batch) => {
      texts.push(...batch.map(({ data }) => data.toString()))
      if (texts.length === 1) throw new Error('mistake of the reader')
    })
    const thrown: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => thrown.push(error.message))
    const client = open({ address: '127.0.0.1' })
    client.send(Buffer.from('one'), socket.local)
    await expect.poll(() => thrown).toEqual(['mistake of the reader'])
    others.forEach((listener) => process.on('uncaughtException', listener))
    client.send(Buffer.from('two'), socket.local)
    await expect.poll(() => texts).toEqual(['one', 'two'])
  })

  it.each([
    ['127.0.0.1', hostAddress.v4, ['100.64.1.7', '100.127.255.1']],
    ['::1', hostAddress.v6, ['fd64::7', 'fd64:1:2:3:4:5:6:7']],
  ])('on %s knows where each datagram was sent to, and answers from there', async (address, host, destinations) => {
    const proxy = listening({ address, port: 15_353, transparent: true, originalDestination: true })
    redirectOnce()
    const client = listening({ address: host })
    const wanted = destinations.flatMap((destination) => [
      { address: destination, port: 53 },
      { address: destination, port: 40_000 },
    ])
    for (const to of wanted) client.socket.send(Buffer.from(`to ${to.address} ${to.port}`), to)
    await expect.poll(() => proxy.heard).toHaveLength(wanted.length)
    for (const [index, { text, from, to }] of proxy.heard.entries()) {
      expect([from, to]).toEqual([client.socket.local, wanted[index]])
      const reply = open({ address: to.address, port: to.port, transparent: true, reuseAddress: true, mark: 0x7a690000 })
      reply.send(Buffer.from(`re: ${text}`), from)
    }
    await expect
      .poll(() => client.heard.map(({ text, from }) => [text, from]))
      .toEqual(wanted.map((to) => [`re: to ${to.address} ${to.port}`, to]))
    // The sockets that answered are bound to the destinations, and take none of what comes next.
    for (const to of wanted) client.socket.send(Buffer.from('again'), to)
    await expect.poll(() => proxy.heard).toHaveLength(2 * wanted.length)
  })

  it('marks its packets, and so does a descriptor for node:dgram', async () => {
    const marked = countMark(0x7a690001)
    const server = listening({ address: '127.0.0.1' })
    open({ address: '127.0.0.1', mark: 0x7a690001 }).send(Buffer.from('one'), server.socket.local)
    await expect.poll(() => server.heard).toHaveLength(1)
    expect(marked()).toBe(1)
    const fd = openUdpDescriptor({ address: '127.0.0.1', mark: 0x7a690001 })
    const socket = createSocket('udp4')
    closing.push(() => socket.close())
    socket.bind({ fd })
    socket.send('two', server.socket.local.port, '127.0.0.1')
    await expect.poll(() => server.heard).toHaveLength(2)
    expect(marked()).toBe(2)
  })

  it('says what is wrong with what it was given', () => {
    const { port } = open({ address: '127.0.0.1' }).local
    expect(() => open({ address: '127.0.0.1', port })).toThrow(
      expect.objectContaining({
        code: 'linux.exists',
        message: `Cannot open a UDP socket on 127.0.0.1:${port}: address already in use (bind: EADDRINUSE)`,
      }),
    )
    expect(() => open({ address: '203.0.113.9' })).toThrow(expect.objectContaining({ code: 'linux.missing' }))
    expect(() => open({ address: 'localhost' })).toThrow(expect.objectContaining({ code: 'linux.invalid' }))
    expect(() => open({ address: '127.0.0.1', port: 65_536 })).toThrow(expect.objectContaining({ code: 'linux.invalid' }))
  })
})

let redirecting = false
function redirectOnce(): void {
  if (!redirecting) redirect('udp', 15_353)
  redirecting = true
}
