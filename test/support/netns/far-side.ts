import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Calls, FarSideOptions } from './network-process.ts'
import type { Namespace } from './namespace.ts'

/** The embedded network and its servers, running in another namespace. */
export interface FarSide {
  call<Name extends keyof Calls>(name: Name, ...words: Parameters<Calls[Name]>): Promise<Awaited<ReturnType<Calls[Name]>>>
  close(): Promise<void>
}

const script = fileURLToPath(new URL('network-process.ts', import.meta.url))

export function startFarSide(space: Namespace, options: FarSideOptions): FarSide {
  const child = spawn(
    'nsenter',
    ['-t', String(space.pid), '--net', '--mount', '--', process.execPath, '--conditions=tunnel-source', script, JSON.stringify(options)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const waiting = new Map<number, (answer: { answer?: unknown; error?: string }) => void>()
  let next = 0
  createInterface(child.stdout).on('line', (line) => {
    if (!line.startsWith('{')) return
    const answer = JSON.parse(line) as { id: number; answer?: unknown; error?: string }
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  const ended = new Promise<void>((resolve) =>
    child.on('close', () => {
      for (const settle of waiting.values()) settle({ error: 'the far side has ended' })
      resolve()
    }),
  )
  child.stdin.on('error', () => {})
  return {
    call(name, ...words) {
      const id = next++
      child.stdin.write(`${JSON.stringify({ id, call: name, words })}\n`)
      return new Promise((resolve, reject) =>
        waiting.set(id, ({ answer, error }) => (error === undefined ? resolve(answer as never) : reject(new Error(`${name}: ${error}`)))),
      )
    },
    async close() {
      child.stdin.end()
      const impatient = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(impatient)
    },
  }
}
