import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'

interface Round {
  readonly milliseconds: number
  readonly difference: string
  readonly remains: readonly string[]
}

const script = fileURLToPath(new URL('testing/killing-ground.ts', import.meta.url))

async function killRepeatedly(how: string, rounds: number, seed: number): Promise<Round[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ziti-kills-'))
  try {
    const words = ['--net', '--mount', '--propagation', 'private', '--', process.execPath, '--conditions=tunnel-source', script, folder]
    const { stdout } = await promisify(execFile)('unshare', [...words, String(rounds), how, String(seed)], { maxBuffer: 1 << 24 })
    return stdout.trim().split('\n').map((line) => JSON.parse(line) as Round)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// Namespaces need root. What is killed changes routes, rules, iptables and files of them at random.
describe.skipIf(noNetwork)('after SIGKILL at any instant the host is as before within 2 s', { timeout: 120_000 }, () => {
  it.each([
    ['the process alone', 'process', 4],
    ['its whole process group', 'group', 4],
    ['process and janitor together, followed by a start', 'janitor', 4],
    ['the process, while another one starts', 'replay', 4],
  ])('%s', async (_, how, rounds) => {
    const results = await killRepeatedly(how, rounds, rounds)
    expect(results.map(({ difference }) => difference).find((each) => each !== '') ?? '').toBe('')
    expect(results.flatMap(({ remains }) => remains)).toEqual([])
    expect(results).toHaveLength(rounds)
    // The middle one: a busy machine may let one wait.
    const times = results.map(({ milliseconds }) => milliseconds).sort((left, right) => left - right)
    expect(times[rounds >> 1]).toBeLessThan(2000)
  })
})
