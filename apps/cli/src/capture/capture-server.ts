import { unlink } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import type { Milliseconds } from '@tunnel/flow'
import type { PcapTap } from '@tunnel/netstack'
import { listenPrivately } from '../status/listen-privately.ts'
import { limitedSink } from './limited-sink.ts'

const mostClients = 4
/** What a slow reader has not taken yet; then packets are missing from its capture. */
const mostWaitingBytes = 8 << 20
/** Within which it says how much it wants. */
const patience: Milliseconds = 2_000
const mostLineBytes = 64

/** Gives a capture to whoever connects and says how many bytes he wants. Closed to other users, as the status socket beside it. */
export async function openCaptureServer(path: string, tap: PcapTap): Promise<{ close(): void }> {
  await unlink(path).catch(() => {})
  const clients = new Set<Socket>()
  const server = createServer((socket) => {
    clients.add(socket)
    socket.on('error', () => {}).on('close', () => clients.delete(socket))
    serve(socket, tap)
  })
  server.maxConnections = mostClients
  server.unref()
  await listenPrivately(server, path)
  return {
    close() {
      server.close()
      for (const socket of clients) socket.end()
    },
  }
}

function serve(socket: Socket, tap: PcapTap): void {
  let asked = ''
  socket.setTimeout(patience, () => socket.destroy())
  socket.setEncoding('latin1').on('data', (text: string) => {
    asked += text
    const [, limit] = /^(\d+|none)\n/.exec(asked) ?? []
    if (limit === undefined) return void (asked.length > mostLineBytes && socket.destroy())
    socket.setTimeout(0).removeAllListeners('data').resume()
    const full = (): void => void socket.end()
    const send = (piece: Uint8Array): void => void (socket.writable && socket.writableLength < mostWaitingBytes && socket.write(piece))
    const stop = tap.add(limitedSink(send, limit === 'none' ? Number.POSITIVE_INFINITY : Number(limit), full))
    socket.on('end', () => socket.end()).on('close', stop)
  })
}
