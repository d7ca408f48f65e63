import { spawn } from 'node:child_process'

export interface ProgramResult {
  /** null: it was ended by a signal, or by the time-out. */
  readonly status: number | null
  readonly output: string
  readonly errors: string
}

const outputMaxBytes = 64 << 20
const errorsMaxBytes = 64 << 10

/** Runs a program to its end with `input` on its standard input. Rejects when it cannot be started. */
export function runProgram(file: string, args: readonly string[], input: string, timeout: number): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    // Its messages are read by us: in one language, and of the child itself.
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' }, timeout, killSignal: 'SIGKILL' })
    const output: Buffer[] = []
    const errors: Buffer[] = []
    collect(child.stdout, output, outputMaxBytes, () => child.kill('SIGKILL'))
    collect(child.stderr, errors, errorsMaxBytes, () => {})
    child.once('error', reject)
    // A program that ends before it has read all has its reasons on standard error.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.once('close', (status) =>
      resolve({ status, output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString() }),
    )
  })
}

function collect(stream: NodeJS.ReadableStream, parts: Buffer[], maximum: number, onTooLong: () => void): void {
  let length = 0
  stream.on('data', (part: Buffer) => {
    length += part.length
    if (length <= maximum) parts.push(part)
    else onTooLong()
  })
}
