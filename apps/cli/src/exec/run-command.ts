import { constants } from 'node:os'
import type { CommandEnd } from '@tunnel/linux'
import { startTunneler } from '../compose.ts'
import { complaints } from '../log/complaints.ts'
import type { Session } from '../session.ts'
import type { SignalSource } from '../signals.ts'
import { CommandHost, type ExecArguments } from './command-host.ts'
import { commandProblem } from './find-command.ts'
import { isInForeground } from './foreground.ts'
import { printCommandPlan } from './plan-command.ts'

/** What a command is asked by. The others do their usual work on both of us. */
const passedOn = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
type PassedOn = (typeof passedOn)[number]
/** What a terminal sends to the whole process group by itself. */
const byKeys: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT'])

/** Runs a command whose network is the overlay, and all else by way of this process. Gives its exit code, as a shell has it. */
export async function runCommand(session: Session, execArguments: ExecArguments): Promise<number> {
  const { options, log, terminal } = session
  const problem = commandProblem(execArguments.command[0] ?? '', terminal.environment['PATH'])
  if (problem) {
    log('fatal', 'ziti-tunnel/subcmd.exec', problem.message)
    return problem.code
  }
  if (options.intercept.plan) return printCommandPlan(session, execArguments)
  const quiet = options.verbose ? session : { ...session, log: complaints(log) }
  const abort = new AbortController()
  const host = new CommandHost(quiet, execArguments)
  let stoppedBy: PassedOn | undefined
  let ended = false
  const stopWatching = watch(terminal.signals, (name) => {
    if (ended) return terminal.exitNow(codeOf({ code: null, signal: name }))
    if (host.begun) return void (byKeys.has(name) && isInForeground() ? undefined : host.signal(name))
    stoppedBy ??= name
    abort.abort()
  })
  try {
    const running = await startTunneler(quiet, abort.signal, () => host)
    await host.applied
    const end = stoppedBy === undefined ? await host.begin() : { code: null, signal: stoppedBy }
    ended = true
    await running.stop()
    return codeOf(end)
  } catch (error) {
    if (stoppedBy === undefined) throw error
    return codeOf({ code: null, signal: stoppedBy })
  } finally {
    stopWatching()
  }
}

/** As shells tell of signals. */
const codeOf = ({ code, signal }: CommandEnd): number => code ?? 128 + (signal === null ? 0 : constants.signals[signal])

function watch(source: SignalSource, heard: (name: PassedOn) => void): () => void {
  for (const name of passedOn) source.on(name, heard)
  return () => {
    for (const name of passedOn) source.off(name, heard)
  }
}
