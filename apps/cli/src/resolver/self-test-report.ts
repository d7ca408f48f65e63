import type { ResolverFacts, ResolverWanted } from '@tunnel/linux'
import { resolverGuidance } from '@tunnel/linux'
import { CodedError } from '@tunnel/flow'
import type { ProgramLog } from '../log/create-log.ts'
import type { Session } from '../session.ts'
import { selfTestAddress, selfTestName } from './self-test.ts'

const source = 'ziti-tunnel/dns.selfTest'

/** The command line of this run, with one thing more. */
export function commandWith(addition: string, { command, options }: Pick<Session, 'command' | 'options'>): string {
  const identities = options.identityDirectory === undefined ? options.identities.map((file) => `-i ${file}`) : [`--identity-dir ${options.identityDirectory}`]
  return ['sudo ziti-tunnel', command, addition, ...identities].join(' ')
}

/** Says what is wrong and what to do, in as many lines as it takes. Throws where the test is required. */
export function reportSelfTest(session: Session, problem: string, facts: ResolverFacts, wanted: ResolverWanted): void {
  const { selfTest, configureResolver, resolver } = session.options.intercept
  const { log } = session
  const verdict = `the DNS self-test failed: ${problem} when asked for ${selfTestName}, and ${selfTestAddress} is right`
  log('info', source, facts.line)
  tellGuidance(log, configureResolver || resolver.kind === 'file' ? [] : resolverGuidance(facts, wanted, commandWith('--configure-resolver', session)))
  if (selfTest === 'warn') return log('warn', source, `${verdict}; programs of this host will not find services by name`)
  const advice = configureResolver || resolver.kind === 'file' ? 'see the line above for what this host does' : `let it be set up with: ${commandWith('--configure-resolver', session)}`
  throw new CodedError('dns.self-test', `${verdict}; ${advice}; or go on without names by --dns-self-test warn`)
}

function tellGuidance(log: ProgramLog, lines: readonly string[]): void {
  for (const line of lines) log('warn', source, line)
}
