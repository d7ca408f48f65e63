import { createSocket } from 'node:dgram'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import dnsPacket from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { idleContext, inWords } from '../testing/ask.ts'
import { responseTo, serverOf, type FakeQuery } from '../testing/fake-network.ts'
import { forward, type ForwardOptions, type ForwardResolver } from './forward.ts'
import { createFrameSplitter, frameOf } from './message-frames.ts'

// Of nobody, for the name dns.test, until 2126.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCdELT533Pq4WJ4GX
QtSOVPtT9jqdAhgNJuwfLcKZvAGhRANCAAT1299duIaFn74YghXOVZqvZZ9EurXB
NXxvX7PPk2G4s/CJ/lEXZFzS1Arqpb2i0WOeL4Ez1IHv9lgpiH8NAN7T
-----END PRIVATE KEY-----
`
const cert = `-----BEGIN CERTIFICATE-----
MIIBkTCCATigAwIBAgIUO0KH+8AccyIvKMaPXR5xwh0HeWgwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIZG5zLnRlc3QwIBcNMjYxMTIyMTgxNzUyWhgPMjEyNjEwMjkx
ODE3NTJaMBMxETAPBgNVBAMMCGRucy50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE9dvfXbiGhZ++GIIVzlWar2WfRLq1wTV8b1+zz5NhuLPwif5RF2Rc0tQK
6qW9otFjni+BM9SB7/ZYKYh/DQDe06NoMGYwHQYDVR0OBBYEFPb658YSKPot0SRM
2hf+lrdRk62KMB8GA1UdIwQYMBaAFPb658YSKPot0SRM2hf+lrdRk62KMA8GA1Ud
EwEB/wQFMAMBAf8wEwYDVR0RBAwwCoIIZG5zLnRlc3QwCgYIKoZIzj0EAwIDRwAw
RAIgMik/a4MM0KWe7mjRKIrmZuXSnMAQ1DOuAgUKuyflD14CIGi9/O/9od/u5Kv8
67x5YlxAPSreU9tW++fwaqhKzaYd
-----END CERTIFICATE-----
`

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

const queryOf = (bytes: Uint8Array, transport: 'udp' | 'tcp'): FakeQuery => ({ ...dnsPacket.decode(Buffer.from(bytes)), bytes, transport }) as FakeQuery

async function udpServer(words: string, port = 0): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (data, from) => {
    for (const { bytes } of serverOf(words)(queryOf(data, 'udp'))) socket.send(bytes, from.port, from.address)
  })
  await new Promise<void>((resolve) => void socket.bind(port, '127.0.0.1', resolve))
  closers.push(() => socket.close())
  return socket.address().port
}

async function streamServer(kind: 'tcp' | 'tls'): Promise<number> {
  const serve = (socket: Socket): void => {
    const split = createFrameSplitter((message) => void socket.write(frameOf(responseTo(queryOf(message, 'tcp'), { answers: [{ type: 'A', name: 'db.example', ttl: 60, data: '10.2.2.2' }] }))))
    socket.on('data', split)
    socket.on('error', () => {})
    closers.push(() => socket.destroy())
  }
  const server: Server = kind === 'tcp' ? createServer(serve) : createTlsServer({ key, cert }, serve)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function ask(upstream: string, options: ForwardOptions = {}, type = 'A'): Promise<string> {
  const resolver: ForwardResolver = forward([upstream], options)
  closers.push(() => resolver.close())
  return inWords(await resolver.resolve(createQuestion('db.example', type), idleContext))
}

describe("Node's own sockets", () => {
  it('UDP', async () => {
    expect(await ask(`udp://127.0.0.1:${await udpServer('A 10.1.1.1')}`)).toBe('A 10.1.1.1')
  })

  it('UDP, nobody there: told by the kernel, long before the time-out', async () => {
    const started = performance.now()
    expect(await ask('udp://127.0.0.1:9')).toBe('undefined')
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it('TCP', async () => {
    expect(await ask(`tcp://127.0.0.1:${await streamServer('tcp')}`)).toBe('A 10.2.2.2')
  })

  it('TCP, nobody there', async () => {
    expect(await ask('tcp://127.0.0.1:9')).toBe('undefined')
  })

  it('UDP, truncated: then TCP', async () => {
    const port = await streamServer('tcp')
    await udpServer('truncated', port)
    expect(await ask(`udp://127.0.0.1:${port}`)).toBe('A 10.2.2.2')
  })

  it('TLS, a certificate for the name', async () => {
    expect(await ask(`tls://127.0.0.1:${await streamServer('tls')}#dns.test`, { ca: cert })).toBe('A 10.2.2.2')
  })

  it.each<[string, string, ForwardOptions]>([
    ['for another name', '#other.test', { ca: cert }],
    ['for a name, and none is asked for', '', { ca: cert }],
    ['of nobody', '#dns.test', {}],
  ])('TLS, a certificate %s: no answer', async (_, name, options) => {
    const messages: string[] = []
    const log: ForwardOptions['log'] = (_level, _source, message) => void messages.push(message)
    expect(await ask(`tls://127.0.0.1:${await streamServer('tls')}${name}`, { ...options, log })).toBe('undefined')
    expect(messages[0]).toMatch(/cannot be asked: .*(certificate|altnames)/)
  })

  it('who goes away while connecting leaves nothing open', async () => {
    const controller = new AbortController()
    const resolver = forward(['tcp://192.0.2.1'], {})
    const answer = resolver.resolve(createQuestion('db.example', 'A'), { ...idleContext, signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    expect(await answer).toBeUndefined()
    resolver.close()
  })
})
