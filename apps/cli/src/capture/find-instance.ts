import { readdir, unlink } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { CodedError } from '@tunnel/flow'
import type { Session } from '../session.ts'
import { statusDirectoryOf } from '../status/status-directory.ts'

/** Beside each status socket of a program that has a stack. */
export const captureEnding = '.pcap'

/** The capture socket of the one program that is meant. Throws `capture.none` and `capture.several`. */
export async function findInstance(session: Session, pid: number | undefined): Promise<string> {
  const directory = statusDirectoryOf(session)
  const found = directory === undefined ? [] : await instancesIn(directory)
  const fitting = pid === undefined ? found : found.filter((name) => name.split('-')[0] === String(pid))
  const [one] = fitting
  if (directory === undefined || one === undefined) {
    const where = directory === undefined ? '' : ` (looked in ${directory})`
    throw new CodedError('capture.none', `no ziti-tunnel of this user with a stack of its own (tun, exec) is running${where}; one that was started with sudo is asked with sudo; connections of 'tproxy' are the kernel's: 'tcpdump -i any' shows them`)
  }
  if (fitting.length > 1) throw new CodedError('capture.several', `several are running: say which by --pid ${fitting.join(' or --pid ')}`)
  return join(directory, `${one}${captureEnding}`)
}

/** Those that answer; what a killed program left goes. */
async function instancesIn(directory: string): Promise<string[]> {
  const files = (await readdir(directory).catch(() => [])).filter((file) => file.endsWith(captureEnding))
  const alive = await Promise.all(files.map((file) => isAlive(join(directory, file))))
  return files.filter((_, index) => alive[index]).map((file) => file.slice(0, -captureEnding.length))
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') void unlink(path).catch(() => {})
      resolve(code === 'EACCES')
    })
  })
}
