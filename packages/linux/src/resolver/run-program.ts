import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { resolverError } from './resolver-error.ts'

/** Services are often started without the folders of administrators' programs. */
const folders = (): string[] => [...(process.env['PATH'] ?? '').split(':').filter(Boolean), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
const patienceMilliseconds = 10_000
const outputLimitBytes = 1 << 20

export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of folders()) {
    const path = join(folder, name)
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path
  }
  return undefined
}

export interface ProgramResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of the host to its end, at most 10 s, without a shell. Fails only if it cannot be started. */
export function tryProgram(command: readonly string[], input = ''): Promise<ProgramResult> {
  const [program = '', ...words] = command
  return new Promise((resolve, reject) => {
    const environment = { ...process.env, PATH: folders().join(':'), LC_ALL: 'C', SYSTEMD_PAGER: '', SYSTEMD_COLORS: '0' }
    const child = spawn(program, words, { env: environment, timeout: patienceMilliseconds, killSignal: 'SIGKILL' })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (said[name].length < outputLimitBytes) said[name] += text
      })
    }
    child.stdin.on('error', () => {}) // it may end without reading
    child.stdin.end(input)
    child.on('error', (cause) => reject(resolverError('resolver.program-failed', `${program} could not be started: ${cause.message}`, { program }, cause)))
    child.on('close', (code) => resolve({ code, ...said }))
  })
}

/** As `tryProgram`, and fails unless it ends with 0. */
export async function runProgram(command: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await tryProgram(command, input)
  if (code === 0) return stdout
  const said = (stderr.trim() || stdout.trim() || (code === null ? 'no answer within 10 s' : `exit code ${code}`)).split('\n')[0] ?? ''
  throw resolverError('resolver.program-failed', `${command.slice(0, 4).join(' ')} failed: ${said}`, { program: command[0], said })
}
