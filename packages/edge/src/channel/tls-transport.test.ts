import { connect, type AddressInfo, type Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { silentLog, systemClock } from '@tunnel/flow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestPki } from '../controller/testing/test-pki.ts'
import { ContentType, encodeFrame, FrameReader, HeaderId } from '../wire.ts'
import type { Channel } from './channel.ts'
import { openEdgeChannel } from './edge-channel.ts'
import { replyForHeader } from './frame-writer.ts'

let server: Server
let ca: string
let protocols: (string | false | null)[]

/** Says hello, then sends back the body of every frame that it gets. */
const serve = (socket: TLSSocket): void => {
  protocols.push(socket.alpnProtocol)
  const reader = new FrameReader({
    refused: () => socket.destroy(),
    frame: ({ contentType, sequence, body }) => {
      const headers = [replyForHeader(sequence), [HeaderId.ResultSuccess, Uint8Array.of(1)] as const]
      socket.write(encodeFrame({ contentType: contentType === ContentType.Hello ? ContentType.Result : ContentType.StateConnected, sequence, headers, body }))
    },
  })
  socket.on('data', (chunk) => reader.push(chunk)).on('error', () => {})
}

beforeAll(async () => {
  const pki = await createTestPki()
  const { cert, key } = await pki.issue('router')
  ca = pki.ca
  server = createServer({ cert, key, ALPNProtocols: ['ziti-edge'] }, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.close())

function open(path: { connect?: (target: { host: string; port: number }) => Promise<Socket> } = {}, trust = ca): Promise<Channel> {
  protocols = []
  const { port } = server.address() as AddressInfo
  return openEdgeChannel({
    router: { host: 'localhost', port, url: `tls://localhost:${port}` },
    token: 'token', credentials: { ca: trust }, path, clock: systemClock, log: silentLog, timeout: 5_000, signal: new AbortController().signal,
  })
}

const echo = (channel: Channel, bytes: number): Promise<number> =>
  new Promise((resolve, reject) =>
    channel.request({ contentType: ContentType.Connect, headers: [], body: new Uint8Array(bytes).fill(7) }, 5_000, (reply) =>
      typeof reply === 'string' ? reject(new Error(reply)) : resolve(reply.body.every((byte) => byte === 7) ? reply.body.length : -1),
    ),
  )

const ownSocket = ({ port }: { port: number }): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(socket))
  })

describe.each([['a socket of its own', {}], ['a socket that is given', { connect: ownSocket }]])('over %s', (_name, path) => {
  it('offers ziti-edge and carries frames of every size', async () => {
    const channel = await open(path)
    expect(protocols).toEqual(['ziti-edge'])
    for (const size of [0, 1, 70_000, 1_000_000]) expect(await echo(channel, size)).toBe(size)
    await channel.close()
  })

  it('stops reading and goes on', async () => {
    const channel = await open(path)
    const holder = {}
    channel.holdReading(holder)
    let answered = false
    const reply = echo(channel, 2_000_000).then((size) => {
      answered = true
      return size
    })
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(answered).toBe(false)
    channel.releaseReading(holder)
    expect(await reply).toBe(2_000_000)
    await channel.close()
  })
})

it('is not reachable for a peer that our bundle does not vouch for', async () => {
  const stranger = await createTestPki()
  await expect(open({}, stranger.ca)).rejects.toMatchObject({ code: 'channel.unreachable' })
})
