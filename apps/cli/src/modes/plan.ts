import type { InterceptTable, TableSource } from '@tunnel/core'
import { buildTable } from '@tunnel/core'
import type { HostChange, Milliseconds } from '@tunnel/flow'
import type { ResolverFacts } from '@tunnel/linux'
import { detectResolver, planHostsFile, planResolver } from '@tunnel/linux'
import { closeAll, openOverlays } from '../compose.ts'
import { exitCodes } from '../exit-codes.ts'
import { loadIdentities } from '../identities.ts'
import { withFreeRange } from '../intercept/free-range.ts'
import { createNameSystem } from '../intercept/name-system.ts'
import type { NameSystem } from '../intercept/name-system.ts'
import { createUntouchedHost } from '../intercept/plan-host.ts'
import { checkAbility } from '../intercept/privilege.ts'
import type { Choose } from '../intercept/transparent-host.ts'
import type { LateOverlay } from '../late-overlay.ts'
import { firstOpenedWithin } from '../late-overlay.ts'
import type { Running } from '../lifetime.ts'
import { complaints } from '../log/complaints.ts'
import { ipv4Names, wantedNames } from '../names/wanted-names.ts'
import { createMarkedNetwork } from '../network/marked-network.ts'
import { renderPlan } from '../plan/render-plan.ts'
import { wildcardProblems } from '../resolver/hosts-file.ts'
import type { DnsPlaces } from '../resolver/dns-places.ts'
import { findDnsPlaces } from '../resolver/dns-places.ts'
import type { Session } from '../session.ts'

const source: TableSource = { proxyConfigs: true, addresses: true }

/** A tunneler tries for ever to reach a controller; who asks for a plan waits for it. */
const patience: Milliseconds = 20_000

/** `--plan`: logs in to know the services, prints what `run` would change of this host and how it would be undone, and ends. */
export async function printPlan(asked: Session, signal: AbortSignal, choose: Choose): Promise<Running> {
  checkAbility(asked.command)
  const session = withFreeRange(asked)
  const { options, terminal, log } = session
  const identities = await loadIdentities(session)
  const facts = await detectResolver()
  const { intercept } = options
  const places = await findDnsPlaces(intercept, facts, 0)
  const names = createNameSystem({ options: intercept, facts, places, log: complaints(log), refresh: () => {} })
  const { connect } = createMarkedNetwork(names.lookup)
  const overlays = openOverlays(session, identities, { connect })
  const giveUp = (): void => void closeAll(overlays)
  signal.addEventListener('abort', giveUp)
  try {
    await firstOpenedWithin(patience, overlays)
    const { changes, notes } = await planAll(session, tableOf(overlays), { ...names, facts, places }, choose)
    terminal.stdout.write(renderPlan(changes, notes))
  } finally {
    signal.removeEventListener('abort', giveUp)
    await closeAll(overlays)
  }
  return { stop: async () => {}, ended: Promise.resolve(exitCodes.ok) }
}

function tableOf(overlays: readonly LateOverlay[]): InterceptTable {
  const services = overlays.flatMap((overlay) => [...overlay.services.values()].map((service) => ({ overlay, service })))
  return buildTable(services, source).table
}

interface Plan {
  readonly changes: readonly HostChange[]
  /** What else there is to say. */
  readonly notes: readonly string[]
}

type KnownNames = NameSystem & { readonly facts: ResolverFacts; readonly places: DnsPlaces }

async function planAll(session: Session, table: InterceptTable, names: KnownNames, choose: Choose): Promise<Plan> {
  const { book, ranges } = names
  const wanted = [...wantedNames(table).keys()]
  const refused = await book.assign(wanted, ipv4Names(table))
  book.publish()
  const parts = { host: createUntouchedHost(), slot: 0, book, poolRanges: ranges, options: session.options.intercept, log: complaints(session.log) }
  const interceptor = await choose(parts)
  try {
    const resolver = planNames(session, names, wanted, interceptor.inside !== undefined)
    const notes = [...[...refused.values()].map(({ message }) => message), ...resolver.notes]
    return { changes: [...resolver.changes, ...interceptor.plan(table)], notes }
  } finally {
    await interceptor.close()
  }
}

function planNames({ options }: Session, { book, facts, places }: KnownNames, domains: readonly string[], hasTunnel: boolean): Plan {
  const { intercept } = options
  const { resolver } = intercept
  if (resolver.kind === 'none') return { changes: [], notes: [] }
  if (resolver.kind === 'file') {
    const notes = [...wildcardProblems(resolver.path, domains).values()].map(({ message }) => message)
    return { changes: [planHostsFile(resolver.path, book.entries())], notes }
  }
  const { listen, inside, wanted } = places
  const listeners = [...(hasTunnel ? [...listen, inside] : resolver.listen)].map(({ address, port }): HostChange => ({
    kind: 'listener.open',
    summary: `listen on ${address.includes(':') ? `[${address}]` : address}:${port} (udp and tcp) for DNS questions`,
    parameters: { address, port },
  }))
  if (!intercept.configureResolver) return { changes: listeners, notes: ["this host's resolver is left as it is; --configure-resolver points it to us"] }
  return { changes: [...listeners, ...planResolver(facts, { ...wanted, domains })], notes: [facts.line] }
}
