import type { DnsCounters } from './server.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** `DnsCounters`, to be counted up. */
export type Counts = Writable<Omit<DnsCounters, 'refused' | 'disconnected'>> & { readonly refused: Record<string, number>; readonly disconnected: Record<string, number> }

export function createCounts(): Counts {
  return { questions: 0, answers: 0, truncated: 0, unsent: 0, overloaded: 0, timedOut: 0, failed: 0, connections: 0, disconnected: {}, refused: {} }
}

export function count(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1
}
