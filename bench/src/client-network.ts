import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { chooseCongestionControl } from './congestion.ts'

/** A network namespace where clients run: an empty host, which a forwarder gives its only way out. */
export interface ClientNetwork {
  readonly pid: number
  /** A file that names it: unlike `/proc/123/ns/net` also for those who have given up their capabilities. */
  readonly path: string
  /** Runs a script of a shell inside. */
  run(script: string): string
  close(): void
}

const prepare = `
  ip link set lo up
  ${chooseCongestionControl}
  echo ready
  exec cat`

export async function createClientNetwork(): Promise<ClientNetwork> {
  // It ends when its standard input does: with us, however we end.
  const child = spawn('unshare', ['--net', 'sh', '-c', prepare], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(createInterface(child.stdout), 'line')
  const pid = child.pid ?? 0
  const path = `/run/bench-client-${pid}`
  writeFileSync(path, '')
  execFileSync('mount', ['--bind', `/proc/${pid}/ns/net`, path])
  return { pid, path, run: (script) => execFileSync('nsenter', [`--net=${path}`, 'sh', '-ec', script], { encoding: 'utf8' }), close: () => void child.kill('SIGKILL') }
}
