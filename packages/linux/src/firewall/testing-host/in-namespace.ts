import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const scripts = {
  nftables: new URL('./nftables-scenarios.ts', import.meta.url),
  iptables: new URL('./iptables-scenarios.ts', import.meta.url),
} as const

/**
 * Runs one scenario of a script in a network namespace of its own, and gives what it returned. The process of a test
 * cannot enter one: it has threads.
 */
export async function inNamespace<T>(script: keyof typeof scripts, scenario: string): Promise<T> {
  const command = ['--net', '--', process.execPath, '--conditions=tunnel-source', fileURLToPath(scripts[script]), scenario]
  const { stdout } = await run('unshare', command, { maxBuffer: 64 << 20, timeout: 60_000, killSignal: 'SIGKILL' })
  return JSON.parse(stdout)
}

/** The other end: runs the scenario that the command line names, and prints what it returns. */
export async function playScenario(scenarios: Readonly<Record<string, () => unknown>>): Promise<void> {
  const scenario = scenarios[process.argv[2] ?? '']
  if (!scenario) throw new Error(`No scenario ${process.argv[2]}`)
  process.stdout.write(JSON.stringify(await scenario()))
}

/** Runs a program to its end; what it printed, and what it complained of. */
export function tryProgram(program: string, args: readonly string[], input = ''): { output: string; errors: string } {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', input })
  return { output: stdout, errors: stderr }
}

/** The same for one that has to work. */
export function runProgram(program: string, args: readonly string[], input = ''): string {
  const { output, errors } = tryProgram(program, args, input)
  if (errors !== '') throw new Error(errors)
  return output
}
