import { readdirSync, readFileSync } from 'node:fs'
import { dumpDifference, dumpHost } from './netns/host-dump.ts'
import type { Namespace } from './netns/namespace.ts'

/** Resolves with what differs from `before` once nothing does, or when the time is over. */
export async function leftAfter(host: Namespace, before: string, milliseconds: number): Promise<string[]> {
  const deadline = Date.now() + milliseconds
  for (;;) {
    const late = Date.now() >= deadline
    const difference = dumpDifference(before, await dumpHost(host))
    if (difference.length === 0 || late) return difference
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {} // a program that it ran has ended meanwhile
}

export function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {} // it has ended meanwhile
  }
  const below = (of: number): number[] => [...parents].filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)])
  return below(pid)
}

/** The same instants in every run: a failure can be looked at again (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
