import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Endpoint } from '@tunnel/flow'
import type { Datagram, DatagramPort } from './datagram-port.ts'

/** Bytes that may wait for the kernel; more is dropped. */
const sendLimitBytes = 1024 * 1024
/** A burst of questions waits in the kernel until we come to it. */
const receiveBufferBytes = 1024 * 1024

/** `DatagramPort` by node:dgram. Rejects with the system's error. */
export async function openDgramPort(at: Endpoint): Promise<DatagramPort> {
  // Every address here is an IP address already: answering at once saves a turn of the loop for each datagram.
  const family = isIPv6(at.address) ? 6 : 4
  const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', ipv6Only: family === 6, lookup: (address, _options, done) => done(null, address, family) })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ port: at.port, address: at.address, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve()
    })
  })
  return new DgramPort(socket)
}

class DgramPort implements DatagramPort {
  readonly local: Endpoint
  readonly #socket: Socket
  #closed = false

  constructor(socket: Socket) {
    this.#socket = socket
    const { address, port } = socket.address()
    this.local = { address, port }
    // What the system says of a datagram that we sent (ICMP) is of no use to a server.
    socket.on('error', () => {})
    socket.setRecvBufferSize(receiveBufferBytes)
  }

  start(receive: (batch: readonly Datagram[]) => void): void {
    const datagram: { data: Uint8Array; from: Endpoint } = { data: new Uint8Array(0), from: this.local }
    const batch = [datagram]
    this.#socket.on('message', (data, from) => {
      datagram.data = data
      datagram.from = from
      receive(batch)
    })
  }

  send(data: Uint8Array, { address, port }: Endpoint): boolean {
    if (this.#closed || this.#socket.getSendQueueSize() >= sendLimitBytes) return false
    // The kernel may take it later, and the caller uses its bytes again.
    this.#socket.send(Buffer.from(data), port, address, ignore)
    return true
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }
}

/** An error means that it is lost, as datagrams may be. */
const ignore = (): void => {}
