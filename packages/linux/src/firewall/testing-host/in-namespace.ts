import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What the tests of this folder need; they are left out with the reason where it is missing. */
export const isRoot = process.getuid?.() === 0

const run = promisify(execFile)

/**
 * Runs one scenario of a script in a network namespace of its own, and gives what it returned. The process of a test
 * cannot enter one: it has threads.
 */
export async function inNamespace<T>(script: 'nftables-scenarios' | 'iptables-scenarios', scenario: string): Promise<T> {
  const file = fileURLToPath(new URL(`./${script}.ts`, import.meta.url))
  const command = ['--net', '--', process.execPath, '--conditions=tunnel-source', file, scenario]
  const { stdout } = await run('unshare', command, { maxBuffer: 64 << 20, timeout: 60_000, killSignal: 'SIGKILL' })
  return JSON.parse(stdout)
}

/** The other end: runs the scenario that the command line names, and prints what it returns. */
export async function playScenario(scenarios: Readonly<Record<string, () => unknown>>): Promise<void> {
  const scenario = scenarios[process.argv[2] ?? '']
  if (!scenario) throw new Error(`No scenario ${process.argv[2]}`)
  process.stdout.write(JSON.stringify(await scenario()))
}
