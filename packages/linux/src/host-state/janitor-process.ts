import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Log } from '@tunnel/flow'

/** The child that outlives us. */
export interface JanitorProcess {
  readonly pid: number | undefined
  /** There is nothing left to undo: it leaves. */
  dismiss(): Promise<void>
}

export interface JanitorOptions {
  /** Its last argument will be the journal's path. */
  readonly command?: readonly string[]
  readonly journal: string
  readonly log: Log
  /** Only tests have another. */
  readonly shell?: string
}

// A shell waits in less than 1 MB; node is started only when there is something to do. The signals that end a process group
// or a terminal's session do not concern it, and nothing but `done` keeps it from its work.
const script = 'trap "" HUP INT QUIT TERM; while read -r word; do [ "$word" = done ] && exit 0; done; exec "$@"'
const dismissMilliseconds = 1000

export function startJanitor(options: JanitorOptions): JanitorProcess {
  const { log, shell = '/bin/sh' } = options
  const command = [...(options.command ?? janitorCommand()), options.journal]
  let child: ChildProcess | undefined
  let dismissed = false

  const start = (again: boolean): void => {
    const started = spawnWaiting(shell, command)
    child = started
    started.once('error', () => {
      // No shell: node waits itself, for some 40 MB more.
      if (child === started && !dismissed) child = watch(spawnWaiting(undefined, command), again)
    })
    watch(started, again)
  }
  const watch = (watched: ChildProcess, again: boolean): ChildProcess => {
    watched.once('error', (error) => log('debug', 'janitor.start', `${watched.spawnfile} could not be started: ${error.message}`))
    watched.once('exit', (code, signal) => {
      if (dismissed || child !== watched) return
      const how = signal ?? `exit code ${code}`
      if (again) return log('error', 'janitor.watch', `the janitor died again (${how}): if this process is killed, "ziti-tunnel cleanup" or the next start cleans up`)
      log('warn', 'janitor.watch', `the janitor died (${how}); another one was started`)
      start(true)
    })
    return watched
  }
  start(false)
  return {
    get pid() {
      return child?.pid
    },
    async dismiss() {
      dismissed = true
      const last = child
      if (last === undefined || last.exitCode !== null || last.signalCode !== null || last.pid === undefined) return
      last.ref()
      const gone = once(last, 'exit', { signal: AbortSignal.timeout(dismissMilliseconds) })
      last.stdin?.end('done\n')
      // It leaves within some ms. If it is stopped, it reads the word when it goes on.
      await gone.catch(() => last.unref())
    },
  }
}

/**
 * In a session of its own (`detached`), so that no signal to our process group or terminal reaches it. Its standard input is the only
 * descriptor that it shares with us; libuv marks our end close-on-exec, so that no other child of ours holds it open.
 */
function spawnWaiting(shell: string | undefined, command: readonly string[]): ChildProcess {
  const [file = process.execPath, ...words] =
    shell === undefined ? [...command, '--wait'] : [shell, '-c', script, 'ziti-tunnel-janitor', ...command]
  const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' }
  const child = spawn(file, words, { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/', env })
  // It may be gone when the last word is written.
  child.stdin?.on('error', () => undefined)
  child.unref()
  if (child.stdin && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  return child
}

/** The script beside this module: in the sources, in our package, or in a program that bundles both. */
export function janitorCommand(): readonly string[] {
  const inSources = import.meta.url.endsWith('.ts')
  const path = fileURLToPath(new URL(inSources ? '../janitor.ts' : './janitor.js', import.meta.url))
  return [process.execPath, ...(inSources ? ['--conditions=tunnel-source'] : []), path]
}
