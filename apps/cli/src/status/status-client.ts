import { createConnection } from 'node:net'
import type { Milliseconds } from '@tunnel/flow'
import type { InstanceStatus } from './instance-status.ts'

const patience: Milliseconds = 2_000
/** Some 10,000 services and flows. */
const mostBytes = 64 * 2 ** 20

/** `gone`: nobody listens there any more. `silent`: somebody does, and does not answer. */
export type StatusAnswer = InstanceStatus | 'gone' | 'silent' | 'forbidden'

export function askStatus(path: string): Promise<StatusAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const socket = createConnection(path)
    const settle = (answer: StatusAnswer): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(patience, () => settle('silent'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => settle(code === 'EACCES' ? 'forbidden' : code === 'ENOENT' || code === 'ECONNREFUSED' ? 'gone' : 'silent'))
    socket.on('data', (chunk) => {
      size += chunk.length
      if (size > mostBytes) settle('silent')
      else chunks.push(chunk)
    })
    socket.on('end', () => settle(parseStatus(Buffer.concat(chunks).toString('utf8')) ?? 'silent'))
  })
}

function parseStatus(text: string): InstanceStatus | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isStatus = typeof value === 'object' && value !== null && 'pid' in value && 'counters' in value && 'identities' in value
    return isStatus ? (value as InstanceStatus) : undefined
  } catch {
    return undefined
  }
}
