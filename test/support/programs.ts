import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; it is killed when `seconds` are over. */
export async function run(command: string, parameters: readonly string[], options: { input?: string; seconds?: number; environment?: Record<string, string>; cwd?: string } = {}): Promise<Finished> {
  const child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.environment }, cwd: options.cwd })
  const impatient = setTimeout(() => child.kill('SIGKILL'), (options.seconds ?? 30) * 1000)
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.on('error', () => {}) // a program that does not read its input is no failure of ours
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearTimeout(impatient)
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

export const hasProgram = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0

export interface Running {
  readonly pid: number
  /** Everything said so far, standard output and error, by line. */
  readonly lines: readonly string[]
  readonly exited: Promise<number | null>
  /** The first line that matches, past or to come. Fails when the program ends, or after `seconds`. */
  line(pattern: RegExp, seconds?: number): Promise<string>
  signal(name: NodeJS.Signals): void
  /** SIGTERM, and SIGKILL after 10 s. Gives the exit code. */
  stop(): Promise<number | null>
}

/** Starts a program that stays. */
export function start(command: string, parameters: readonly string[], options: { environment?: Record<string, string>; cwd?: string } = {}): Running {
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.environment }, cwd: options.cwd })
  return observe(child, `${command} ${parameters.join(' ')}`)
}

function observe(child: ChildProcess, name: string): Running {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const heard = (line: string): void => {
    lines.push(line)
    for (const look of waiting) look()
  }
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on('line', heard)
  const exited = new Promise<number | null>((resolve) => {
    child.on('error', (error) => heard(error.message))
    child.on('close', (code) => resolve(code))
  })
  const line = (pattern: RegExp, seconds = 15): Promise<string> =>
    new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        settle()
        reject(new Error(`${name}: no line matches ${pattern} (${why}); it said:\n${lines.slice(-30).join('\n')}`))
      }
      const timer = setTimeout(() => fail(`after ${seconds} s`), seconds * 1000)
      const look = (): void => {
        const found = lines.find((text) => pattern.test(text))
        if (found === undefined) return
        settle()
        resolve(found)
      }
      const settle = (): void => {
        clearTimeout(timer)
        waiting.delete(look)
      }
      waiting.add(look)
      void exited.then(() => (waiting.has(look) ? fail('it ended') : undefined))
      look()
    })
  return {
    pid: child.pid ?? 0,
    lines,
    exited,
    line,
    signal: (wanted) => void child.kill(wanted),
    async stop() {
      child.kill('SIGTERM')
      const impatient = setTimeout(() => child.kill('SIGKILL'), 10_000)
      const code = await exited
      clearTimeout(impatient)
      return code
    },
  }
}
