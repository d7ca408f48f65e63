import type { Milliseconds } from '@tunnel/flow'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { LogFormat } from '../log/create-log.ts'
import { logFormats } from '../log/create-log.ts'
import type { InterceptOptions } from './intercept-options.ts'
import { createInterceptOptions, ineffectiveInterceptOptions, readInterceptOptions } from './intercept-options.ts'
import { createReservedOptions } from './reserved-options.ts'

/** What may stand before or after the sub-command, read and checked. */
export interface GlobalOptions {
  /** Paths, `-` for standard input, `env:NAME` for an environment variable. */
  readonly identities: readonly string[]
  /** Takes precedence over `identities`. */
  readonly identityDirectory: string | undefined
  readonly pollInterval: Milliseconds
  /** Channels per router over which circuits are spread; the default of the SDK when absent. */
  readonly connectionsPerRouter: number | undefined
  /** HTTP proxy on the way to controllers and routers. */
  readonly proxy: string | undefined
  readonly verbose: boolean
  readonly logFormat: LogFormat | undefined
  readonly intercept: InterceptOptions
  /** Flags that were given and have no effect. */
  readonly withoutEffect: readonly string[]
}

const defaultPollSeconds = 15

// The original switches polling off with 4294967295 s. Longer than this a timer of Node would fire at once.
const longestPollSeconds = 2_000_000

function parsePollSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !(seconds > 0)) throw new InvalidArgumentError('It must be a number of seconds above 0.')
  return Math.min(seconds, longestPollSeconds)
}

function parseConnections(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 64) throw new InvalidArgumentError('It must be a number from 1 to 64.')
  return count
}

function parseLogFormat(text: string): LogFormat {
  if (text === 'pfxlog') return 'pretty' // the name of the same form in the 1.x tunneler
  const format = logFormats.find((name) => name === text)
  if (format === undefined) throw new InvalidArgumentError(`It must be one of ${logFormats.join(', ')}.`)
  return format
}

function parseProxyUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== 'http:') throw new InvalidArgumentError('It must be http://[user:password@]host:port.')
  return text
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value]

/** On the program only: commander then finds them before and after the sub-command. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(
      new Option('-i, --identity <file>', 'identity file, - for standard input, env:NAME for a variable; repeatable').argParser(collect),
    )
    .option('--identity-dir <directory>', 'use every *.json of a directory; takes precedence over --identity')
    .addOption(
      new Option('--svcPollRate <seconds>', `seconds between looks for changed services (default: ${defaultPollSeconds})`).argParser(parsePollSeconds),
    )
    .addOption(
      new Option('--default-connections <count>', 'connections per router over which circuits are spread').argParser(parseConnections),
    )
    .addOption(new Option('-x, --proxy <url>', 'reach controllers and routers through http://[user:password@]host:port').argParser(parseProxyUrl))
    .option('-v, --verbose', 'log debug lines too')
    .addOption(
      new Option('--log-formatter <form>', 'pretty, json or text (default: pretty on a terminal, else json)').argParser(parseLogFormat),
    )
  for (const option of [...createInterceptOptions(), ...createReservedOptions()]) program.addOption(option)
}

/** Throws `usage.*` where options contradict each other. */
export function readGlobalOptions(program: Command): GlobalOptions {
  const options: Record<string, unknown> = program.opts()
  const reserved = createReservedOptions().filter((option) => options[option.attributeName()] !== undefined)
  return {
    identities: (options.identity as string[] | undefined) ?? [],
    identityDirectory: options.identityDir as string | undefined,
    pollInterval: ((options.svcPollRate as number | undefined) ?? defaultPollSeconds) * 1000,
    connectionsPerRouter: options.defaultConnections as number | undefined,
    proxy: options.proxy as string | undefined,
    verbose: options.verbose === true,
    logFormat: options.logFormatter as LogFormat | undefined,
    intercept: readInterceptOptions(program),
    withoutEffect: [...reserved, ...ineffectiveInterceptOptions(program)].map((option) => option.long ?? option.flags),
  }
}
