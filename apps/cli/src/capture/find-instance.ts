import { readdir, unlink } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { CodedError } from '@tunnel/flow'
import type { Session } from '../session.ts'
import { statusDirectoryOf, whoElse } from '../status/status-directory.ts'

/** Beside each status socket of a program that has a stack. */
export const captureEnding = '.pcap'

/** The capture socket of the one program that is meant, and its pid. Throws `capture.none` and `capture.several`. */
export async function findInstance(session: Session, pid: number | undefined): Promise<{ path: string; pid: string }> {
  const directory = statusDirectoryOf(session)
  const found = directory === undefined ? [] : await instancesIn(directory)
  const fitting = pid === undefined ? found : found.filter((name) => pidOf(name) === String(pid))
  const [one] = fitting
  if (directory === undefined || one === undefined) {
    const where = directory === undefined ? '' : ` (looked in ${directory})`
    throw new CodedError('capture.none', `no ziti-tunnel of this user with a stack of its own (tun, exec) is running${where}; ${whoElse()}; connections of 'tproxy' are the kernel's: 'tcpdump -i any' shows them`)
  }
  if (fitting.length > 1) throw new CodedError('capture.several', `several are running: say which by --pid ${fitting.map(pidOf).join(' or --pid ')}`)
  return { path: join(directory, `${one}${captureEnding}`), pid: pidOf(one) }
}

/** The second with the same pid has `-2` behind it. */
const pidOf = (name: string): string => name.split('-', 1)[0] ?? name

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
