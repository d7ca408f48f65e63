import type { Socket } from 'node:dgram'
import type { Duplex } from 'node:stream'
import { copyBytes, type Endpoint } from '@tunnel/flow'
import type { DatagramPort } from '../server/datagram-port.ts'
import type { UpstreamTransports } from './transports.ts'

// Modules of Node are imported when they are needed: the rest of the package also loads in a browser.

/** Node's own sockets, for what is not given. `ca`: certificates (PEM) to trust instead of the well-known ones. */
export function nodeTransports(given: Partial<UpstreamTransports> & { readonly ca?: string | undefined }): UpstreamTransports {
  const connectTcp = given.connectTcp ?? connectNodeTcp
  return {
    openUdp: given.openUdp ?? openConnectedUdp,
    connectTcp,
    connectTls: given.connectTls ?? (async (to, options) => wrapTls(await connectTcp(to, options), to, { ...options, ca: given.ca })),
  }
}

/** Connected, so that the kernel passes only datagrams of the server, and tells when there is none (ICMP). */
async function openConnectedUdp(at: Endpoint, to: Endpoint, failed: (error: Error) => void): Promise<DatagramPort> {
  const { createSocket } = await import('node:dgram')
  const socket = createSocket(at.address.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.connect(to.port, to.address, () => {
      socket.removeAllListeners('error')
      resolve()
    })
  })
  socket.on('error', failed)
  return connectedPort(socket, to)
}

function connectedPort(socket: Socket, to: Endpoint): DatagramPort {
  const { address, port } = socket.address()
  let isOpen = true
  return {
    local: { address, port },
    start(receive) {
      socket.on('message', (data) => receive([{ data, from: to }]))
    },
    send(data) {
      // A callback, so that an error is not thrown: it means that the datagram is lost, and also comes as an event.
      if (isOpen) socket.send(copyBytes(data), (error) => error && isOpen && socket.emit('error', error))
      return isOpen
    },
    close() {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}

async function connectNodeTcp({ address, port }: Endpoint, { signal }: { readonly signal: AbortSignal }): Promise<Duplex> {
  const { connect } = await import('node:net')
  signal.throwIfAborted()
  const socket = connect({ host: address, port, noDelay: true })
  await established(socket, 'connect', signal)
  return socket
}

type TlsOptions = { readonly signal: AbortSignal; readonly serverName?: string | undefined; readonly ca: string | undefined }

async function wrapTls(socket: Duplex, { address }: Endpoint, { signal, serverName, ca }: TlsOptions): Promise<Duplex> {
  const { connect } = await import('node:tls')
  const secure = connect({ socket, host: address, ...(serverName === undefined ? {} : { servername: serverName }), ...(ca === undefined ? {} : { ca }) })
  await established(secure, 'secureConnect', signal)
  return secure
}

function established(socket: Duplex, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => void socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    const onError = (error: Error): void => {
      signal.removeEventListener('abort', onAbort)
      reject(error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onError)
    socket.once('close', () => onError(new Error('closed before it was established')))
    socket.once(event, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    if (signal.aborted) onAbort()
  })
}
