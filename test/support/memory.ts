import { readFileSync } from 'node:fs'

/** Resident set of a process of ours, in MiB. */
export function residentMebibytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}
