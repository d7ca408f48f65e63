import { existingNames } from '@tunnel/dns'
import type { CodedError } from '@tunnel/flow'
import type { HostState, ResolverFacts, ResolverSettings } from '@tunnel/linux'
import { flushResolverCaches, isResolverTaken, openResolverLink, openResolverSettings } from '@tunnel/linux'
import type { NameBook } from '../names/name-book.ts'
import { createNameLog } from '../names/name-log.ts'
import { markedQuestions, openMarkedDatagrams } from '../network/marked-network.ts'
import type { DnsStatus } from '../status/instance-status.ts'
import type { DnsPlaces } from '../resolver/dns-places.ts'
import { tellTaken } from '../resolver/dns-places.ts'
import type { DnsService } from '../resolver/dns-service.ts'
import { openDnsService } from '../resolver/dns-service.ts'
import { createHostsFile, wildcardProblems } from '../resolver/hosts-file.ts'
import type { InsidePorts } from '../resolver/inside-ports.ts'
import { createSelfTestRecord, selfTestAddress, selfTestName, testResolver } from '../resolver/self-test.ts'
import { reportSelfTest } from '../resolver/self-test-report.ts'
import type { Upstreams } from '../resolver/upstreams.ts'
import { createUpstreams, upstreamUrls } from '../resolver/upstreams.ts'
import type { Session } from '../session.ts'

/** How programs of this host learn what the names of services stand for, while we run. */
export interface NameServer {
  /** These are the names now. By name: why it cannot be known to programs of this host. */
  published(names: readonly string[]): Promise<ReadonlyMap<string, CodedError>>
  status(): DnsStatus
  /** The host asks others again. */
  close(): Promise<void>
}

export interface NameServerParts {
  readonly session: Session
  readonly host: HostState
  readonly slot: number
  readonly facts: ResolverFacts
  readonly book: NameBook
  readonly ranges: readonly string[]
  readonly upstreams: readonly string[]
  readonly places: DnsPlaces
  readonly inside: InsidePorts | undefined
  readonly signal: AbortSignal
}

/** A resolver that was told of us just now may need a moment; one that was not has no reason to change its mind. */
const patience = { configured: 5_000, asItIs: 1_500 }

/** Opens what `--resolver` asks for, and tests it. Rejects where the test is required and fails. */
export function openNameServer(parts: NameServerParts): Promise<NameServer> {
  const { resolver } = parts.session.options.intercept
  if (resolver.kind === 'server') return openServer(parts)
  return resolver.kind === 'file' ? openFile(parts, resolver.path) : Promise.resolve(noNameServer(parts))
}

function noNameServer({ facts, book, ranges }: NameServerParts): NameServer {
  return {
    published: async () => new Map(),
    status: () => ({ addresses: [], names: book.size, ranges, upstreams: [], resolver: facts.line }),
    close: async () => {},
  }
}

async function openFile(parts: NameServerParts, path: string): Promise<NameServer> {
  const { session, host, slot, facts, book, ranges } = parts
  const file = createHostsFile(host, path, slot)
  const close = (): Promise<void> => file.close()
  const news = createNameLog(session.log)
  const record = {
    async add() {
      await file.write([{ address: selfTestAddress, name: selfTestName }])
      news.added(selfTestName, [selfTestAddress])
    },
    async remove() {
      await file.write([])
      news.removed(selfTestName)
    },
  }
  await closingOnFailure(close, () => selfTest(parts, record))
  return {
    async published(names) {
      await file.write(book.entries())
      return wildcardProblems(path, names)
    },
    status: () => ({ addresses: [`file://${path}`], names: book.size, ranges, upstreams: [], resolver: facts.line }),
    close,
  }
}

async function openServer(parts: NameServerParts): Promise<NameServer> {
  const { session, facts, book, ranges, places: { wanted } } = parts
  const { log, options } = session
  const own = (): readonly string[] => server?.addresses ?? []
  const upstreams = createUpstreams(parts.upstreams, { ...markedQuestions, mode: options.intercept.upstreamMode, own, log })
  const record = createSelfTestRecord(log)
  const link = wanted.link && (await openResolverLink(wanted.link))
  let server: DnsService | undefined
  let settings: ResolverSettings | undefined
  const close = async (): Promise<void> => {
    await settings?.close()
    await server?.close()
    link?.close()
  }
  await closingOnFailure(close, async () => {
    const resolvers = [record.resolver, book.resolver, existingNames(upstreams.resolver, (name) => book.answers(name))]
    const { unanswerable } = options.intercept
    server = await openDnsService({ ...listeningPlaces(parts), resolvers, unanswerable, openUdp: openMarkedDatagrams, log })
    if (options.intercept.configureResolver) settings = await configure(parts, upstreams)
    const tested = selfTest(parts, record)
    if (options.intercept.selfTest === 'require') await tested
    // Where it only warns, nothing waits for it.
    else tested.catch((error: unknown) => log('warn', 'ziti-tunnel/dns.selfTest', error instanceof Error ? error.message : String(error)))
  })
  return {
    async published(names) {
      await settings?.setDomains(names)
      return new Map()
    },
    status: () => ({
      addresses: server?.addresses ?? [],
      names: book.size,
      ranges,
      upstreams: upstreams.servers,
      resolver: (settings?.facts ?? facts).line,
      questions: server?.counters.questions ?? 0,
      answers: server?.counters.answers ?? 0,
    }),
    close,
  }
}

/** Where our usual port is not to be had and there is no tunnel, we try it all the same: the error says why. */
function listeningPlaces({ session, places, inside }: NameServerParts): Pick<Parameters<typeof openDnsService>[0], 'listen' | 'inside'> {
  const { resolver } = session.options.intercept
  const { wanted } = places
  if (places.taken && inside) session.log('warn', 'dns.NewDnsServer', tellTaken(places))
  const own = places.taken && !inside && resolver.kind === 'server' ? resolver.listen : places.listen
  return { listen: wanted.link ? [...own, ...wanted.servers] : own, ...(inside && { inside: { at: places.inside, ports: inside } }) }
}

function configure({ session, host, facts, places: { wanted } }: NameServerParts, upstreams: Upstreams): Promise<ResolverSettings> {
  const { log, options } = session
  log('info', 'linux/resolver.detect', facts.line)
  const named = options.intercept.upstreams.length > 0
  return openResolverSettings({
    host,
    facts,
    wanted,
    onUpstreams: (nameservers) => {
      if (!named) upstreams.replace(upstreamUrls(nameservers))
    },
    log,
  })
}

interface TestRecord {
  add(): void | Promise<void>
  remove(): void | Promise<void>
}

/** The original's test: what only we know, asked as every program of this host asks. */
async function selfTest({ session, facts, places: { wanted }, signal }: NameServerParts, record: TestRecord): Promise<void> {
  const { selfTest: mode, configureResolver } = session.options.intercept
  if (mode === 'off') return
  await record.add()
  const problem = await testResolver({
    patience: configureResolver ? patience.configured : patience.asItIs,
    flush: async () => void (await flushResolverCaches()),
    signal,
  })
  await record.remove()
  if (problem === undefined || signal.aborted) return
  const taken = !configureResolver && facts.method === 'file' && (await isResolverTaken())
  reportSelfTest(session, problem, { facts, wanted, taken })
}

async function closingOnFailure(close: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await close()
    throw error
  }
}
