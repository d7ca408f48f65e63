import { execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { processFields } from '../journal/process-fields.ts'
import { startJanitor, type JanitorProcess } from './janitor-process.ts'

let folder = ''
let janitor: JanitorProcess | undefined
let said: string[]
const mark = (): string => join(folder, 'undone')
const start = (shell?: string): JanitorProcess => {
  const log = (level: string, _: string, message: string): void => void said.push(`${level}: ${message}`)
  janitor = startJanitor({ command: ['/bin/sh', '-c', 'echo "$1" > "$0"', mark()], journal: 'the-journal', log, ...(shell && { shell }) })
  return janitor
}
const isRunning = (pid: number): boolean => !['Z', undefined].includes(processFields(pid)?.[0])

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ziti-janitor-'))
  said = []
})

afterEach(async () => {
  await janitor?.dismiss()
  rmSync(folder, { recursive: true })
})

describe('the janitor', () => {
  it('leaves without a deed when it is dismissed', async () => {
    const pid = start().pid!
    await janitor!.dismiss()
    expect(isRunning(pid)).toBe(false)
    expect(existsSync(mark())).toBe(false)
    expect(said).toEqual([])
  })

  it('is in a session of its own, with one descriptor to us and none of ours', async () => {
    const opened = openSync(mark(), 'w')
    const pid = start().pid!
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).toContain('/bin/sh'))
    expect(processFields(pid)?.[3]).toBe(String(pid))
    const descriptor = (number: number): string => readlinkSync(`/proc/${pid}/fd/${number}`)
    expect([0, 1, 2].map(descriptor)).toEqual([expect.stringMatching(/^socket:/), '/dev/null', '/dev/null'])
    // Others may have been given to this very process by whoever started it; those that it has opened are not among them.
    const all = readdirSync(`/proc/${pid}/fd`).map((each) => descriptor(Number(each)))
    expect(all.filter((each) => each.startsWith('socket:'))).toHaveLength(1)
    expect(all).not.toContain(mark())
    closeSync(opened)
  })

  it('does not mind the signals that end a terminal or a process group', async () => {
    const pid = start().pid!
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toMatch(/SigIgn:\s*0*4007$/m))
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) process.kill(pid, signal)
    expect(isRunning(pid)).toBe(true)
  })

  it('that dies is started again, once', async () => {
    const first = start().pid!
    process.kill(first, 'SIGKILL')
    await vi.waitFor(() => expect(said).toEqual([expect.stringContaining('warn: the janitor died (SIGKILL); another one')]))
    const second = janitor!.pid!
    expect(second).not.toBe(first)
    process.kill(second, 'SIGKILL')
    await vi.waitFor(() => expect(said.at(-1)).toContain('error: the janitor died again'))
  })

  it('goes to work without a shell too', async () => {
    const pid = start('/missing/sh').pid
    await vi.waitFor(() => expect(readFileSync(mark(), 'utf8')).toBe('the-journal\n'))
    expect(pid).toBeUndefined()
  })

  it.each(['SIGKILL', 'exit'])('goes to work when its starter ends by %s, and does not keep it or its pipes open', async (how) => {
    const module = new URL('janitor-process.ts', import.meta.url).href
    const command = JSON.stringify(['/bin/sh', '-c', 'echo "$1" > "$0"', mark()])
    const script = `import { startJanitor } from ${JSON.stringify(module)}
      import { spawn } from 'node:child_process'
      startJanitor({ command: ${command}, journal: 'the-journal', log: () => {} })
      // Another child outlives us: it must not hold the janitor's pipe open.
      spawn('sleep', ['2'], { stdio: 'ignore', detached: true }).unref()
      ${how === 'exit' ? '' : "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)"}`
    const words = ['--conditions=tunnel-source', '--input-type=module', '-e', script]
    // Resolves only when nobody holds its output any more.
    await promisify(execFile)(process.execPath, words).catch(() => undefined)
    await vi.waitFor(() => expect(readFileSync(mark(), 'utf8')).toBe('the-journal\n'), { timeout: 1500 })
  })

  it('survives a kill of the whole process group', async () => {
    const module = new URL('janitor-process.ts', import.meta.url).href
    const command = JSON.stringify(['/bin/sh', '-c', 'echo "$1" > "$0"', mark()])
    const script = `import { startJanitor } from ${JSON.stringify(module)}
      startJanitor({ command: ${command}, journal: 'the-journal', log: () => {} })
      setTimeout(() => process.kill(0, 'SIGKILL'), 50)`
    const words = ['--conditions=tunnel-source', '--input-type=module', '-e', script]
    spawn(process.execPath, words, { detached: true, stdio: 'ignore' })
    await vi.waitFor(() => expect(readFileSync(mark(), 'utf8')).toBe('the-journal\n'), { timeout: 3000 })
  })
})
