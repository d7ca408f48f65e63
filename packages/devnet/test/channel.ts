import { once } from 'node:events'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { ContentType, FrameReader, HeaderId, encodeFrame, encodeString } from '@tunnel/edge/wire'
import type { Frame } from '@tunnel/edge/wire'
import type { IdentityJson } from '../src/admin/identity-admin.ts'

/** A channel in the hands of a test: frames out, frames in. */
export interface Channel {
  readonly socket: TLSSocket
  readonly closed: Promise<unknown>
  send(contentType: number, headers?: Iterable<readonly [number, Uint8Array]>, body?: Uint8Array): void
  /** The next frame, a copy. */
  next(): Promise<Frame>
}

/** Connects to a router and says hello. `url` is `tls://host:port`. */
export async function openChannel(url: string, identity: IdentityJson, token: string): Promise<Channel> {
  const { hostname, port } = new URL(url)
  const { key, cert, ca } = identity.id
  const socket = connect({ host: hostname, port: Number(port), key: key.slice(4), cert: cert.slice(4), ca: ca.slice(4), ALPNProtocols: ['ziti-edge'] })
  const frames: Frame[] = []
  const waiting: ((frame: Frame) => void)[] = []
  const reader = new FrameReader({
    frame(frame) {
      const copy = { ...frame, headers: new Map([...frame.headers].map(([id, value]) => [id, value.slice()])), body: frame.body.slice() }
      const wait = waiting.shift()
      if (wait === undefined) frames.push(copy)
      else wait(copy)
    },
    refused: (reason) => socket.destroy(new Error(reason)),
  })
  let sequence = 0
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  const channel: Channel = {
    socket,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    send: (contentType, headers = [], body) => void socket.write(encodeFrame({ contentType, sequence: sequence++, headers, ...body && { body } })),
    next: () => {
      const frame = frames.shift()
      return frame === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(frame)
    },
  }
  channel.send(ContentType.Hello, [[HeaderId.SessionToken, encodeString(token)]], encodeString('test'))
  return channel
}
