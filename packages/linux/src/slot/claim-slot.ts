import { createServer, type Server } from 'node:net'
import { CodedError } from '@tunnel/flow'
import { slotCount } from '../marks.ts'

/** Which names and marks an instance takes in its network namespace: 0 is the first. */
export interface Slot {
  readonly slot: number
  release(): void
}

/**
 * The lowest slot that no living instance has. It is held by an abstract unix socket (unix(7)): the kernel knows them per
 * network namespace, gives each name once, and takes it back however the process ends. Rejects with `linux.no-slot`.
 */
export async function claimSlot(): Promise<Slot> {
  for (let slot = 0; slot < slotCount; slot++) {
    const server = await bind(`\0ziti-tunnel.slot.${slot}`)
    if (server) return { slot, release: () => void server.close() }
  }
  const message = `${slotCount} tunnelers intercept in this network already (abstract sockets @ziti-tunnel.slot.*, see "ss -xlp"); stop one`
  throw new CodedError('linux.no-slot', message)
}

/** Undefined when the name is taken. Neither it nor who connects to it keeps the process alive. */
function bind(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy()).unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(new CodedError('linux.call-failed', `cannot bind ${JSON.stringify(path)}: ${error.message}`, { cause: error }))
    })
    server.listen(path, () => resolve(server))
  })
}
