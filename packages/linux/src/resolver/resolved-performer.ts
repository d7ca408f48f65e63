import { textOf } from '../host-state/parameters.ts'
import type { ChangeParameters, PerformContext, PerformOutcome } from '../host-state/performer.ts'
import { findResolvedProgram, type LinkSetting, type ResolvedProgram } from './resolved-program.ts'
import { resolverError } from './resolver-error.ts'
import { runProgram, tryProgram } from './run-program.ts'

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean)

export function linkSettingOf(parameters: ChangeParameters): LinkSetting {
  return { link: textOf(parameters, 'link'), servers: words(textOf(parameters, 'servers')), domains: words(textOf(parameters, 'domains')) }
}

/**
 * Tells systemd-resolved which questions are ours, and sees that it stays told: where systemd-networkd is about to
 * take a look at a new link, it wipes what was set before (ziti-tunnel-sdk-c PR 837). A set of other domains replaces
 * the old ones at the cost of one program.
 */
export async function performResolvedSet(parameters: ChangeParameters, context: PerformContext): Promise<PerformOutcome> {
  const setting = linkSettingOf(parameters)
  const program = await findResolvedProgram()
  for (let attempt = 1; ; attempt++) {
    const before = await toldOf(program, setting)
    if (!before || !before.servers || !before.domains) await tell(program, setting, before?.servers === true)
    if (await staysTold(program, setting, before?.servers ? 1 : looks)) return 'done'
    context.log('warn', 'linux/resolver.set', `systemd-resolved forgot the servers of ${setting.link}, telling it again`, { attempt })
    if (attempt === attempts) throw resolverError('resolver.not-effective', `systemd-resolved does not keep the DNS server of link ${setting.link}. Is the link managed by systemd-networkd? Then exclude it there (Unmanaged=yes)`)
  }
}

const attempts = 5
/** A wipe follows within some tens of milliseconds, and is seen here; a later one is seen by `openResolverSettings`. */
const looks = 2
const lookMilliseconds = 50

async function tell(program: ResolvedProgram, setting: LinkSetting, domainsOnly: boolean): Promise<void> {
  const { domains, server, wishes } = await program.set(setting)
  if (domainsOnly) return void (await runProgram(domains))
  // Each wish is unknown to some version; a server set to no names and no default route gets no questions anyway.
  await Promise.all([...wishes.map((command) => tryProgram(command)), runProgram(domains)])
  if (server) await runProgram(server)
}

async function staysTold(program: ResolvedProgram, setting: LinkSetting, times: number): Promise<boolean> {
  for (let look = 0; look < times; look++) {
    const seen = await toldOf(program, setting)
    if (seen === undefined) return true
    if (!seen.servers || !seen.domains) return false
    if (look < times - 1) await new Promise((resolve) => setTimeout(resolve, lookMilliseconds))
  }
  return true
}

/** Does systemd-resolved have exactly these? `undefined` when the program cannot tell. */
export async function toldOf(program: ResolvedProgram, setting: LinkSetting): Promise<{ readonly servers: boolean; readonly domains: boolean } | undefined> {
  if (!program.tell) return undefined
  const commands = program.tell(setting.link)
  const [servers, domains] = await Promise.all([runProgram(commands.servers), runProgram(commands.domains)])
  return { servers: sameWords(saidOf(servers), setting.servers), domains: sameWords(saidOf(domains), setting.domains.map((domain) => `~${domain}`)) }
}

/** `Link 3 (ziti0): ~ziti ~db.corp`, folded over lines when long. */
const saidOf = (output: string): string[] => words(output.slice(output.indexOf('):') + 2))

function sameWords(left: readonly string[], right: readonly string[]): boolean {
  const known = new Set(left)
  return left.length === right.length && right.every((word) => known.has(word))
}
