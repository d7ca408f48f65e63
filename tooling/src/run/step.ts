import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

export interface StepResult {
  readonly name: string
  readonly ok: boolean
  /** Standard output and error, as they came. */
  readonly output: string
  readonly seconds: number
}

/** Runs a program of the repository (`node_modules/.bin` is on its path) from the root, and keeps what it prints. */
export async function runStep(name: string, command: string, parameters: readonly string[], options: { environment?: Record<string, string>; live?: boolean; cwd?: string } = {}): Promise<StepResult> {
  const started = performance.now()
  const child = spawn(command, parameters, {
    cwd: options.cwd ?? root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', PATH: `${root}node_modules/.bin:${process.env['PATH'] ?? ''}`, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const parts: Buffer[] = []
  const keep = (chunk: Buffer): void => {
    parts.push(chunk)
    if (options.live) process.stdout.write(chunk)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ok = await new Promise<boolean>((resolve) => {
    child.on('error', (error) => {
      parts.push(Buffer.from(`${error.message}\n`))
      resolve(false)
    })
    child.on('close', (code) => resolve(code === 0))
  })
  return { name, ok, output: Buffer.concat(parts).toString(), seconds: (performance.now() - started) / 1000 }
}

/** One line for a step; all it said if it failed. */
export function reportStep({ name, ok, output, seconds }: StepResult): void {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`)
  if (!ok) console.log(output.trimEnd())
}
