import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { ContentType, DataFlag, HeaderId, loadCrypto, uint32Header, type Crypto } from '@tunnel/edge/wire'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SdkPeer } from './testing/sdk-peer.ts'
import { bytesOf, connId, settle } from './testing/sdk-peer.ts'
import { createTestNetwork } from './testing/test-network.ts'

let crypto: Crypto
const opened: (Server | DatagramSocket)[] = []
beforeAll(async () => {
  crypto = await loadCrypto()
})
afterEach(() => opened.splice(0).forEach((server) => server.close()))

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, serve).listen(0, '127.0.0.1')
  opened.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function start(service: string, port: number, protocol: 'tcp' | 'udp' = 'tcp') {
  const network = createTestNetwork()
  const router = network.router()
  network.target(service, { protocol, host: '127.0.0.1', port })
  return { network, router, sdk: await network.sdk(router) }
}

const isFin = (said: { headers: ReadonlyMap<number, Uint8Array> }): boolean => ((uint32Header(said.headers, HeaderId.Flags) ?? 0) & DataFlag.Fin) !== 0

describe('a TCP target of the router', () => {
  it('gets what was sent, then the FIN, and may still answer', async () => {
    const heard: string[] = []
    const port = await listen((socket) => {
      socket.on('data', (chunk) => heard.push(chunk.toString()))
      socket.on('end', () => socket.end('I heard you'))
    })
    const { sdk, router } = await start('echo', port)
    const connected = await sdk.connects(0, 'Dial:echo')
    expect(connected.headers.has(HeaderId.PublicKey)).toBe(false)
    sdk.data(0, 'hello ')
    sdk.data(0, 'world', DataFlag.Fin)
    expect(await sdk.hears(ContentType.Data)).toMatchObject({ text: 'I heard you', connectionId: 0 })
    const fin = await sdk.hears(ContentType.Data)
    expect([isFin(fin), fin.body.length]).toEqual([true, 0])
    expect(heard.join('')).toBe('hello world')
    await settle()
    expect(sdk.unheard).toEqual([])
    sdk.says(ContentType.StateClosed, [connId(0)])
    await settle()
    expect(router.stats().circuits).toBe(0)
  })

  it('may finish first', async () => {
    const heard: string[] = []
    const port = await listen((socket) => {
      socket.end('only this')
      socket.on('data', (chunk) => heard.push(chunk.toString()))
    })
    const { sdk } = await start('echo', port)
    await sdk.connects(1, 'Dial:echo')
    expect((await sdk.hears(ContentType.Data)).text).toBe('only this')
    expect(isFin(await sdk.hears(ContentType.Data))).toBe(true)
    sdk.data(1, 'thank you')
    sdk.data(1, '', DataFlag.Fin)
    await expect.poll(() => heard.join('')).toBe('thank you')
  })

  it('is read in messages of 10,240 bytes (section 11.3)', async () => {
    const port = await listen((socket) => void socket.end(new Uint8Array(50_000)))
    const { sdk } = await start('echo', port)
    await sdk.connects(1, 'Dial:echo')
    const sizes: number[] = []
    for (let left = 50_000; left > 0; ) {
      const { body } = await sdk.hears(ContentType.Data)
      sizes.push(body.length)
      left -= body.length
    }
    expect(Math.max(...sizes)).toBe(10_240)
  })

  it('that resets closes the circuit', async () => {
    const port = await listen((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    const { sdk, router } = await start('echo', port)
    await sdk.connects(1, 'Dial:echo')
    sdk.data(1, 'please go')
    expect((await sdk.hears(ContentType.StateClosed)).connectionId).toBe(1)
    expect(router.stats().circuits).toBe(0)
  })

  it('is closed with the circuit, after its data', async () => {
    const heard: string[] = []
    const closed = new Promise<void>((resolve) => {
      void listen((socket) => {
        socket.on('data', (chunk) => heard.push(chunk.toString()))
        socket.on('end', () => socket.end())
        socket.on('close', () => resolve())
      }).then(async (port) => {
        const { sdk } = await start('echo', port)
        await sdk.connects(1, 'Dial:echo')
        sdk.data(1, 'last words')
        sdk.says(ContentType.StateClosed, [connId(1)])
      })
    })
    await closed
    expect(heard.join('')).toBe('last words')
  })

  it('that refuses is tried twice, and its error is in the text', async () => {
    const port = await listen(() => {})
    opened.splice(0).forEach((server) => server.close())
    await settle()
    const { sdk } = await start('echo', port)
    sdk.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    expect((await sdk.hears(ContentType.StateClosed)).text).toMatch(/^exceeded maximum \[2\] retries .*ECONNREFUSED/)
  })

  it('stops being read when the dialer does not read', async () => {
    let sent = 0
    const port = await listen((socket) => {
      const more = (): void => {
        while (sent < 64 * 1024 * 1024 && socket.write(new Uint8Array(64 * 1024))) sent += 64 * 1024
      }
      socket.on('drain', more)
      socket.on('error', () => {})
      more()
    })
    const { sdk, router } = await start('echo', port)
    await sdk.connects(1, 'Dial:echo')
    sdk.stream.pause()
    await expect.poll(async () => {
      const before = sent
      await new Promise((resolve) => setTimeout(resolve, 100))
      return sent > 0 && before === sent
    }, { timeout: 5000 }).toBe(true)
    expect(sent).toBeLessThan(24 * 1024 * 1024)
    expect(router.stats().bufferedBytes).toBeGreaterThan(4 * 1024 * 1024)
    expect(router.stats().bufferedBytes).toBeLessThan(5 * 1024 * 1024)
    router.kill()
    expect(router.stats().bufferedBytes).toBe(0)
  })
})

describe('an encrypted target (section 4.6)', () => {
  async function connectEncrypted(sdk: SdkPeer, token: string) {
    const own = crypto.keyPair()
    const connected = await sdk.connects(1, token, [[HeaderId.PublicKey, own.publicKey]])
    const keys = crypto.sessionKeys('dialer', own, connected.headers.get(HeaderId.PublicKey)!)!
    const header = await sdk.hears(ContentType.Data)
    const decryptor = crypto.decryptor(keys.receive, header.body)!
    const encryptor = crypto.encryptor(keys.transmit)
    sdk.data(1, encryptor.header, DataFlag.Multipart)
    return {
      says(text: string, flags = 0): void {
        const cipher = new Uint8Array(bytesOf(text).length + 17)
        encryptor.push(bytesOf(text), cipher)
        sdk.data(1, cipher, flags)
      },
      async hears(): Promise<string> {
        const { body } = await sdk.hears(ContentType.Data)
        const plain = new Uint8Array(body.length - 17)
        expect(decryptor.pull(body, plain)).toBe(true)
        return new TextDecoder().decode(plain)
      },
    }
  }

  it.each(['secret', 'echo'])('speaks with the key that was sent, for service %s', async (service) => {
    const port = await listen((socket) => socket.on('data', (chunk) => socket.write(`you said ${chunk}`)).on('end', () => socket.end()))
    const { sdk } = await start(service, port)
    const circuit = await connectEncrypted(sdk, `Dial:${service}`)
    circuit.says('hello')
    expect(await circuit.hears()).toBe('you said hello')
    circuit.says('bye', DataFlag.Fin)
    expect(await circuit.hears()).toBe('you said bye')
    expect(isFin(await sdk.hears(ContentType.Data))).toBe(true)
  })

  it('closes on a forged message', async () => {
    const port = await listen(() => {})
    const { sdk } = await start('secret', port)
    await connectEncrypted(sdk, 'Dial:secret')
    sdk.data(1, new Uint8Array(40))
    await sdk.hears(ContentType.StateClosed)
  })

  it('closes when the stream header does not come alone, as Go does', async () => {
    const port = await listen(() => {})
    const { sdk } = await start('secret', port)
    const own = crypto.keyPair()
    await sdk.connects(1, 'Dial:secret', [[HeaderId.PublicKey, own.publicKey]])
    await sdk.hears(ContentType.Data)
    sdk.data(1, new Uint8Array(24 + 22))
    await sdk.hears(ContentType.StateClosed)
  })

  it('refuses a key that is none', async () => {
    const port = await listen(() => {})
    const { sdk } = await start('secret', port)
    sdk.says(ContentType.Connect, [connId(1), [HeaderId.PublicKey, new Uint8Array(5)]], 'Dial:secret')
    expect((await sdk.hears(ContentType.StateClosed)).text).toMatch(/unusable public key/)
  })
})

describe('a UDP target', () => {
  it('gets one datagram for each message, and answers whole', async () => {
    const target = createSocket('udp4')
    opened.push(target)
    target.bind(0, '127.0.0.1')
    await once(target, 'listening')
    target.on('message', (datagram, { port, address }) => target.send(Buffer.concat([datagram, Buffer.alloc(30_000)]), port, address))
    const { sdk } = await start('echo', target.address().port, 'udp')
    await sdk.connects(1, 'Dial:echo')
    sdk.data(1, 'one')
    sdk.data(1, 'three')
    expect((await sdk.hears(ContentType.Data)).body.length).toBe(30_003)
    expect((await sdk.hears(ContentType.Data)).body.length).toBe(30_005)
    sdk.says(ContentType.StateClosed, [connId(1)])
  })
})
