import type { ResolverFacts, ResolverWanted } from '@tunnel/linux'
import { resolverGuidance } from '@tunnel/linux'
import { CodedError } from '@tunnel/flow'
import type { ProgramLog } from '../log/create-log.ts'
import type { Session } from '../session.ts'
import { selfTestAddress, selfTestName } from './self-test.ts'

const source = 'ziti-tunnel/dns.selfTest'

/** The command line of this run, with one thing more; of a proxy's credentials nothing is shown. */
export function commandWith(addition: string, { argv }: Pick<Session, 'argv'>): string {
  const words = argv.map((word) => quoted(word.replace(/\/\/[^/@]*@/, '//...@')))
  return ['sudo ziti-tunnel', ...words, addition].join(' ')
}

/** As a shell reads it as one word. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)

export interface SelfTestSurroundings {
  readonly facts: ResolverFacts
  readonly wanted: ResolverWanted
  /** Another tunneler is this host's nameserver, and no other can be. */
  readonly taken: boolean
}

/** Says what is wrong and what to do, in as many lines as it takes. Throws where the test is required. */
export function reportSelfTest(session: Session, problem: string, { facts, wanted, taken }: SelfTestSurroundings): void {
  const { selfTest, configureResolver, resolver } = session.options.intercept
  const { log } = session
  const verdict = `the DNS self-test failed: ${problem} when asked for ${selfTestName}, and ${selfTestAddress} is right`
  const isDone = configureResolver || resolver.kind === 'file'
  const isRequired = selfTest !== 'warn'
  log('info', source, facts.line)
  // Where the program ends, its last line has the command.
  tellGuidance(log, isDone || taken ? [] : resolverGuidance(facts, wanted, { command: (option) => commandWith(option, session), byHand: isRequired }))
  if (!isRequired) return log('warn', source, `${verdict}; programs of this host will not find services by name${taken ? `: ${besideAnother(session)}` : ''}`)
  const advice = isDone ? 'see the line above for what this host does' : taken ? besideAnother(session) : canConfigure(facts) ? `let it be set up with: ${commandWith('--configure-resolver', session)}` : 'the lines above say what to do'
  throw new CodedError('dns.self-test', `${verdict}; ${advice}; or go on without names by --dns-self-test warn`)
}

/** What else may be said to this host, that one would undo. */
const besideAnother = (session: Session): string =>
  `another ziti-tunnel is this host's nameserver. Give that one this identity too (-i, repeatable), or keep names in a file: ${commandWith('--resolver file:///etc/hosts', session)}`

const canConfigure = ({ method, file }: ResolverFacts): boolean => method !== 'file' || file.writable

function tellGuidance(log: ProgramLog, lines: readonly string[]): void {
  for (const line of lines) log('warn', source, line)
}
