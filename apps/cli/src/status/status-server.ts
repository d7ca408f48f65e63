import { chmod, mkdir, unlink } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Milliseconds } from '@tunnel/flow'
import type { PcapTap } from '@tunnel/netstack'
import { openCaptureServer } from '../capture/capture-server.ts'
import { captureEnding } from '../capture/find-instance.ts'
import type { Session } from '../session.ts'
import type { InstanceStatus } from './instance-status.ts'
import { listenPrivately } from './listen-privately.ts'
import { askStatus } from './status-client.ts'
import { statusDirectoryOf } from './status-directory.ts'

export interface StatusServer {
  close(): Promise<void>
}

/** Those who ask at once, and how long a slow one is waited for. */
const mostClients = 8
const writeTime: Milliseconds = 2_000

/**
 * Gives the status to whoever connects, as one JSON document, on a socket that only this user (and root) can open. A program that cannot
 * have one works all the same.
 */
export function serveStatus(session: Session, status: () => InstanceStatus, tap?: PcapTap): StatusServer {
  const directory = statusDirectoryOf(session)
  if (directory === undefined) return { close: async () => {} }
  const opening = openBoth(directory, status, tap).catch((error: unknown) => {
    session.log('debug', 'ziti-tunnel/status.serve', `status cannot be asked for: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  })
  return {
    async close() {
      const opened = await opening
      opened?.captures?.close()
      if (opened) await new Promise<void>((resolve) => opened.server.close(() => resolve()))
    },
  }
}

/** Captures are asked for beside the status. */
async function openBoth(directory: string, status: () => InstanceStatus, tap: PcapTap | undefined): Promise<{ server: Server; captures: { close(): void } | undefined }> {
  const server = await openServer(directory, status)
  const captures = tap && (await openCaptureServer(String(server.address()).replace(/\.sock$/, captureEnding), tap))
  return { server, captures }
}

export async function openServer(directory: string, status: () => InstanceStatus, pid: number = process.pid): Promise<Server> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // It may have been there before, with other rights.
  await chmod(directory, 0o700)
  const server = createServer((socket) => answer(socket, status))
  server.maxConnections = mostClients
  server.unref()
  await listenPrivately(server, await freePath(directory, pid))
  return server
}

function answer(socket: Socket, status: () => InstanceStatus): void {
  socket.on('error', () => {})
  socket.setTimeout(writeTime, () => socket.destroy())
  socket.resume()
  socket.end(`${JSON.stringify(status())}\n`)
}

/** A pid may be used twice on one file system: by a dead program, and in another pid namespace. */
async function freePath(directory: string, pid: number): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const path = join(directory, attempt === 1 ? `${pid}.sock` : `${pid}-${attempt}.sock`)
    const state = await askStatus(path)
    if (state === 'gone') await unlink(path).catch(() => {})
    if (state === 'gone' || attempt === 16) return path
  }
}
