import { fileURLToPath } from 'node:url'
import { start, type Running } from './programs.ts'

const fileOf = (path: string): string => fileURLToPath(new URL(`../../apps/cli/${path}`, import.meta.url))

/** The real program as built, which is what a user installs; from its sources with TUNNEL_TEST_FROM_SOURCE=1. */
const program = process.env['TUNNEL_TEST_FROM_SOURCE'] ? ['--conditions=tunnel-source', fileOf('src/main.ts')] : [fileOf('bin/ziti-tunnel.js')]

export const startTunneler = (...words: readonly string[]): Running => start(process.execPath, [...program, ...words])
