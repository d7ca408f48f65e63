import type { IncomingMessage } from 'node:http'

/** Far above any request of a client, and what a stranger can make us hold. */
export const maximumBodyBytes = 1024 * 1024

/** The whole body; `undefined` when it is too large or the client went away. */
export function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maximumBodyBytes) {
        // The rest is left unread: the reply closes the connection.
        request.pause()
        resolve(undefined)
      } else chunks.push(chunk)
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', () => resolve(undefined))
    request.once('close', () => resolve(undefined))
  })
}
