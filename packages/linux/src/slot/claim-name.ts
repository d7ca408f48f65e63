import { createServer } from 'node:net'
import { CodedError } from '@tunnel/flow'

export interface Claim {
  release(): void
}

/**
 * A name that one process has at a time; undefined when it is taken. It is held by an abstract unix socket (unix(7)): the kernel knows
 * them per network namespace, and takes them back however the process ends. Neither it nor who connects to it keeps the
 * process alive.
 */
export function claimName(name: string): Promise<Claim | undefined> {
  const server = createServer((socket) => socket.destroy()).unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(new CodedError('linux.call-failed', `cannot bind the abstract socket @${name}: ${error.message}`, { cause: error }))
    })
    server.listen(`\0${name}`, () => resolve({ release: () => void server.close() }))
  })
}
