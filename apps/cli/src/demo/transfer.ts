import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Endpoint, Milliseconds } from '@tunnel/flow'

export interface TransferResult {
  readonly bytes: number
  readonly elapsed: Milliseconds
  readonly sentHash: string
  readonly receivedHash: string
}

// Random, so that nothing on the way can compress it; one block again and again, so that making it costs nothing.
const blockBytes = 256 * 1024

/**
 * Sends `totalBytes` to an echo server and reads them back at the same time. Our side is half-closed after the last
 * byte; the result is there when the far side has closed too, so both ends of both directions were seen.
 */
export function echoThrough(to: Endpoint, totalBytes: number, progressed: (receivedBytes: number) => void): Promise<TransferResult> {
  const block = randomBytes(blockBytes)
  const sent = createHash('sha256')
  const received = createHash('sha256')
  const startedAt = performance.now()
  let sentBytes = 0
  let receivedBytes = 0

  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.address, port: to.port, allowHalfOpen: true })
    const fill = (): void => {
      while (sentBytes < totalBytes) {
        const part = block.subarray(0, Math.min(blockBytes, totalBytes - sentBytes))
        sentBytes += part.length
        sent.update(part)
        if (!socket.write(part)) return
      }
      socket.end()
    }
    socket.on('connect', fill)
    socket.on('drain', () => sentBytes < totalBytes ? fill() : socket.end())
    socket.on('data', (chunk) => {
      received.update(chunk)
      receivedBytes += chunk.length
      progressed(receivedBytes)
    })
    socket.on('error', reject)
    socket.on('end', () => {
      const elapsed = performance.now() - startedAt
      resolve({ bytes: receivedBytes, elapsed, sentHash: sent.digest('hex'), receivedHash: received.digest('hex') })
    })
  })
}
