import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasProgram } from '../support/programs.ts'
import type { Outcome } from './browser/two-stacks.ts'

const browser = ['chromium', 'chromium-headless-shell', 'chromium-browser', 'google-chrome'].find(hasProgram)
const bytes = 2 << 20

/** Everything that `browser/two-stacks.ts` needs, as one script. */
async function bundle(folder: string): Promise<string> {
  await build({
    entry: [fileURLToPath(new URL('browser/two-stacks.ts', import.meta.url))],
    outDir: folder,
    format: 'iife',
    platform: 'browser',
    target: 'es2023',
    noExternal: [/.*/],
    config: false,
    silent: true,
    esbuildOptions: (options) => void (options.conditions = ['tunnel-source']),
  })
  return readFileSync(join(folder, 'two-stacks.global.js'), 'utf8')
}

interface Answer {
  readonly id?: number
  readonly result?: { readonly targetId?: string; readonly sessionId?: string; readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: { readonly text: string } }
  readonly error?: { readonly message: string }
}

/** A browser without a window, spoken to over two pipes: messages of the DevTools protocol, each with a zero behind it. */
class HeadlessBrowser {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #last = 0

  constructor(program: string, profile: string) {
    // As root there is no sandbox to be had; what runs here is ours.
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const words = ['--headless', '--remote-debugging-pipe', '--disable-gpu', '--no-first-run', `--user-data-dir=${profile}`, ...sandbox, 'about:blank']
    this.#child = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    let unread = ''
    const answers = this.#child.stdio[4] as Readable
    answers.setEncoding('utf8').on('data', (text: string) => {
      const messages = (unread + text).split('\0')
      unread = messages.pop() ?? ''
      for (const message of messages.map((each) => JSON.parse(each) as Answer)) this.#waiting.get(message.id ?? 0)?.(message)
    })
    this.#child.once('exit', () => {
      for (const answered of this.#waiting.values()) answered({ error: { message: 'the browser has ended' } })
    })
  }

  /** The value of `expression` in a page of its own, when it is settled. */
  async evaluate(script: string, expression: string): Promise<unknown> {
    const { targetId } = await this.#ask('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.#ask('Target.attachToTarget', { targetId, flatten: true })
    await this.#ask('Runtime.evaluate', { expression: script }, sessionId)
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId)
    if (exceptionDetails) throw new Error(exceptionDetails.text)
    return result?.value
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #ask(method: string, params: object, sessionId?: string): Promise<NonNullable<Answer['result']>> {
    const id = (this.#last += 1)
    const input = this.#child.stdio[3] as Writable
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result ?? {})))
      input.write(`${JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) })}\0`)
    })
  }
}

describe('two stacks, bundled for a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'netstack-browser-'))
  let script = ''
  beforeAll(async () => {
    script = await bundle(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

  it('need nothing that a browser has not', () => {
    expect(script).toContain('moveBytes')
    expect(script).not.toMatch(/\brequire\(|["']node:/)
  })

  // Not everywhere is a browser installed; CI has one.
  it.skipIf(!browser)('move data between each other in Chromium', async () => {
    const headless = new HeadlessBrowser(browser!, join(folder, 'profile'))
    try {
      const outcome = (await headless.evaluate(script, `moveBytes(${bytes})`)) as Outcome
      expect(outcome).toMatchObject({ received: [bytes, bytes], right: true, datagram: 'hello', node: 'undefined undefined' })
      expect(outcome.error).toBeUndefined()
    } finally {
      await headless.close()
    }
  })
})
