import { createServer, connect } from 'node:net'
import type { Instance } from './instance.ts'
import { currentInstance, startTime } from './instance.ts'

/**
 * Whether the writer of a journal still lives. Pid and start time say it, but only inside one pid namespace: two containers
 * on the host's network do not see each other's processes. There an abstract socket of the instance says it, which the
 * kernel takes away with the process and shows in all of a network namespace (unix(7)).
 */
export async function isAlive(instance: Instance, journal: string, here: Instance = currentInstance()): Promise<boolean> {
  if (instance.boot !== here.boot) return false
  if (instance.pidNamespace === here.pidNamespace) return startTime(instance.pid) === instance.started
  // Of another network besides: it cannot be asked, and what it made is out of our reach.
  if (instance.networkNamespace !== here.networkNamespace) return true
  return answers(lifeSocket(journal))
}

/** Held for as long as the journal is written. Without it (somebody took the name) only pid and start time tell. */
export async function showLife(journal: string): Promise<() => void> {
  const server = createServer((socket) => socket.destroy()).unref()
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve())
    server.listen(lifeSocket(journal), resolve)
  })
  server.on('error', () => undefined)
  return () => void server.close()
}

const lifeSocket = (journal: string): string => `\0ziti-tunnel.${journal}`

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
