import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Part {
  readonly pid: number
  /** What the part said first, as one JSON line: it is ready. */
  readonly ready: Readonly<Record<string, unknown>>
  /** User and system time of the whole process so far, in seconds. */
  cpuSeconds(): number
  /** Resident set in bytes. */
  residentBytes(): number
  stop(): Promise<void>
}

const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Node supports

function observe(child: ChildProcess, ready: Part['ready']): Part {
  const pid = child.pid ?? 0
  return {
    pid,
    ready,
    cpuSeconds() {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
    },
    residentBytes() {
      const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
      return Number(kilobytes) * 1024
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const impatient = setTimeout(() => child.kill('SIGKILL'), 6000)
      await gone
      clearTimeout(impatient)
    },
  }
}

/** `BENCH_PROFILE=NAME` profiles one part, or the `tunneler`, into the folder of temporary files. */
const profiling = (name: string): string[] => (process.env['BENCH_PROFILE'] === name ? ['--cpu-prof', `--cpu-prof-dir=${tmpdir()}/bench-profile`] : [])

export interface PartOptions {
  /** A file that names the network namespace to run in; by default ours. */
  readonly network?: string | undefined
  /** Ends the process when it has run so long. */
  readonly timeout?: number
}

/** Starts `parts/NAME.ts` in a process of its own and waits for its first line. */
export async function startPart(name: string, parameters: object = {}, { network, timeout }: PartOptions = {}): Promise<Part> {
  const script = fileURLToPath(new URL(`parts/${name}.ts`, import.meta.url))
  const inside = network === undefined ? [] : ['nsenter', `--net=${network}`]
  const [program = '', ...words] = [...inside, process.execPath, ...profiling(name), script, JSON.stringify(parameters)]
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], ...(timeout !== undefined && { timeout, killSignal: 'SIGKILL' }) })
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(() => ['{"failed":true}'])])) as [string]
  const ready = JSON.parse(line) as Part['ready']
  if (ready['failed']) throw new Error(`the part "${name}" did not start`)
  return observe(child, ready)
}

/** Starts the real program, as a user would; ready as soon as its log says so. */
export async function startTunneler(words: readonly string[]): Promise<Part> {
  const program = fileURLToPath(new URL('../../apps/cli/bin/ziti-tunnel.js', import.meta.url))
  const child = spawn(process.execPath, [...profiling('tunneler'), program, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
  // Its log must be read to the end, or the pipe fills up.
  createInterface(child.stderr).on('line', (line) => {
    if (process.env['BENCH_LOG']) process.stderr.write(`${line}\n`)
  })
  return observe(child, {})
}

/** Runs `parts/NAME.ts` to its end and gives what it said. */
export async function runPart<T>(name: string, parameters: object, options?: PartOptions): Promise<T> {
  const part = await startPart(name, parameters, options)
  return part.ready as T
}

/** Starts a program of others; ready when `isReady` says so. `descriptors` are its descriptors from 3 on. */
export async function startProgram(command: readonly string[], isReady: () => boolean, descriptors: readonly number[] = []): Promise<Part> {
  const [program = '', ...words] = command
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', process.env['BENCH_LOG'] ? 'inherit' : 'ignore', ...descriptors] })
  const part = observe(child, {})
  const failed = once(child, 'exit').then(() => true, () => true)
  for (let tries = 0; tries < 200; tries += 1) {
    if (isReady()) return part
    if (await Promise.race([failed, new Promise<false>((resolve) => setTimeout(() => resolve(false), 25))])) break
  }
  await part.stop()
  throw new Error(`${program} did not start`)
}
