import { fileURLToPath } from 'node:url'
import { run, start, type Finished, type Running } from './programs.ts'

const program = fileURLToPath(new URL('../../apps/cli/bin/ziti-tunnel.js', import.meta.url))

/** The real program, as built: what a user installs. */
export const startTunneler = (...words: readonly string[]): Running => start(process.execPath, [program, ...words])
export const runTunneler = (words: readonly string[], options: { input?: string; seconds?: number; environment?: Record<string, string> } = {}): Promise<Finished> =>
  run(process.execPath, [program, ...words], options)
