import { execFileSync, spawnSync } from 'node:child_process'
import koffi from 'koffi'

const CLONE_NEWNET = 0x40000000

/** Why tests of the host cannot run here, or undefined. In a container root may not make namespaces either. */
export const noNetwork = reasonAgainst()

function reasonAgainst(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  return spawnSync('unshare', ['--net', '--mount', 'true']).status === 0 ? undefined : 'needs the privilege to make namespaces'
}

/**
 * Moves this test process into a network namespace of its own, with `lo` up. Namespaces belong to threads: sockets that this
 * thread opens and children that it starts are inside, the thread pool stays outside and opens none.
 */
export function enterOwnNetwork(): void {
  const unshare = koffi.load(null).func('int unshare(int flags)') as (flags: number) => number
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`)
  run('ip', 'link', 'set', 'lo', 'up')
}

/** Runs a program to its end and gives what it printed. */
export function run(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

export function feed(input: string, program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] })
}

/** `ip -json`, parsed. */
export function ip(...words: string[]): Record<string, unknown>[] {
  const text = run('ip', '-json', '-d', ...words)
  return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[])
}
