import { isCodedError } from '@tunnel/flow'
import { Command, CommanderError } from 'commander'
import type { Option } from 'commander'
import { resolveBooleanValues, splitCommand } from './arguments.ts'
import type { DefineCommand, Run } from './commands/command.ts'
import { addExamples } from './commands/command.ts'
import { defineCapture } from './commands/capture.ts'
import { defineCleanup } from './commands/cleanup.ts'
import { defineDemo } from './commands/demo.ts'
import { defineDoctor } from './commands/doctor.ts'
import { defineEnroll } from './commands/enroll.ts'
import { defineExec } from './commands/exec.ts'
import { defineHelp } from './commands/help.ts'
import { defineHost } from './commands/host.ts'
import { defineProxy } from './commands/proxy.ts'
import { defineRun } from './commands/run.ts'
import { defineStatus } from './commands/status.ts'
import { defineTproxy } from './commands/tproxy.ts'
import { defineTun } from './commands/tun.ts'
import { defineVersion } from './commands/version.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { createLog } from './log/create-log.ts'
import type { GlobalOptions } from './options/global-options.ts'
import { addGlobalOptions, readGlobalOptions } from './options/global-options.ts'
import { concerns } from './options/intercept-options.ts'
import { reservedBooleanOptions } from './options/reserved-options.ts'
import type { Session } from './session.ts'
import type { Terminal } from './terminal.ts'
import { readVersion } from './version.ts'

type Work = (session: Session) => Promise<number>

/** `words` will be the command of `exec`. */
const commandsWith = (words: readonly string[]): readonly DefineCommand[] => [
  defineRun,
  defineTproxy,
  defineTun,
  defineExec(words),
  defineProxy,
  defineHost,
  defineEnroll,
  defineDoctor,
  defineStatus,
  defineCapture,
  defineCleanup,
  defineDemo,
  defineVersion,
  defineHelp,
]

const booleanFlags: ReadonlySet<string> = new Set([...reservedBooleanOptions, '-v', '--verbose', '--rm', '--once', '--plan', '--configure-resolver', '--json', '--dry-run'])

/** Runs one command line (without `node` and the script) to its end. Never throws: what went wrong is said on stderr. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = exitCodes.ok
  const words: string[] = []
  const program = createProgram(terminal, words, async (work) => {
    exitCode = await runInSession(program, argv, terminal, work)
  })
  const { own, command } = splitCommand(argv, 'exec', valueFlagsOf(program))
  words.push(...command)
  try {
    await program.parseAsync(resolveBooleanValues(own, booleanFlags), { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has printed its message by now: help that was asked for ends with 0, a bad command line with 2.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    throw error
  }
}

function createProgram(terminal: Terminal, words: readonly string[], run: Run): Command {
  const program = new Command('ziti-tunnel')
    .description('Carries the connections of ordinary programs over OpenZiti.')
    .usage('[options] <command>')
    .version(readVersion(), '--version', 'print the version')
    .helpCommand(false) // ours knows more: commands/help.ts
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: globalOptionsOf, subcommandTerm: termOf })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()
  addGlobalOptions(program)
  addExamples(program, [
    'ziti-tunnel enroll ziti.jwt',
    'sudo ziti-tunnel run --configure-resolver ziti.json',
    'ziti-tunnel --identity ziti.json proxy wttr.in:8443 ssh:2222',
    'ziti-tunnel demo',
  ])
  for (const define of commandsWith(words)) define(program, run)
  return program
}

/** As its usage has it: what it is given matters more in the list than that there are options. */
const termOf = (command: Command): string => `${command.name()} ${command.usage().replace('[options]', '').trim()}`.trim()

/** Options behind which a value stands. */
function valueFlagsOf(program: Command): ReadonlySet<string> {
  const options = [program, ...program.commands].flatMap((command) => command.options)
  return new Set(options.filter(({ required }) => required).flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined)))
}

/** Of the program's options those that a command has a use for. */
function globalOptionsOf(command: Command): Option[] {
  return (command.parent?.options ?? []).filter((option) => !option.hidden && concerns(option, command.name()))
}

async function runInSession(program: Command, argv: readonly string[], terminal: Terminal, work: Work): Promise<number> {
  let options: GlobalOptions
  try {
    options = readGlobalOptions(program)
  } catch (error) {
    terminal.stderr.write(`error: ${messageOf(error)}\n`)
    return exitCodes.usage
  }
  return runWith({ options, command: program.args[0] ?? 'main', argv, terminal }, work)
}

async function runWith(parts: Omit<Session, 'log'>, work: Work): Promise<number> {
  const { options, command, terminal } = parts
  const { stderr, environment } = terminal
  const log = createLog({ sink: stderr, format: options.logFormat, debug: options.verbose, environment })
  const source = `ziti-tunnel/subcmd.${command}`
  if (options.withoutEffect.length > 0) {
    log('warn', source, 'options without effect here', { options: options.withoutEffect.join(' ') })
  }
  try {
    return await work({ ...parts, log })
  } catch (error) {
    const code = exitCodeOf(error)
    if (code === exitCodes.usage) terminal.stderr.write(`error: ${messageOf(error)}\n`)
    else log(code === exitCodes.fatal ? 'fatal' : 'error', source, messageOf(error), isCodedError(error) ? { code: error.code } : {})
    return code
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
