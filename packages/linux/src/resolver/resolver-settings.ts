import { silentLog, systemClock, Turns, type Clock, type HostChange, type Log } from '@tunnel/flow'
import type { HostState } from '../host-state/host-state.ts'
import { claimName, type Claim } from '../slot/claim-name.ts'
import { detectResolver } from './detect-resolver.ts'
import { planResolver } from './plan-resolver.ts'
import { RateBudget } from './rate-budget.ts'
import { resolverError } from './resolver-error.ts'
import { linkSettingOf, toldOf } from './resolved-performer.ts'
import { findResolvedProgram } from './resolved-program.ts'
import type { ResolverFacts, ResolverWanted } from './resolver-facts.ts'
import { namesFirst } from './resolv-conf.ts'
import { upstreamsOf } from './upstreams.ts'
import { watchPaths, type PathWatch } from './watch-paths.ts'

export interface ResolverSettingsOptions {
  readonly host: Pick<HostState, 'apply' | 'revert'>
  readonly facts: ResolverFacts
  /** With systemd-resolved, its `link` is open already (`openResolverLink`) and our DNS server answers at `servers`. */
  readonly wanted: ResolverWanted
  /** The nameservers of this host have changed: a manager had new ones. */
  readonly onUpstreams?: (upstreams: readonly string[]) => void
  /** Default: `detectResolver`. */
  readonly detect?: () => Promise<ResolverFacts>
  /** Default: `watchPaths`. */
  readonly watch?: typeof watchPaths
  /** Default: of this network namespace. Undefined when another tunneler has the file. */
  readonly claimFile?: () => Promise<Claim | undefined>
  readonly log?: Log
  readonly clock?: Clock
}

/** The host's resolver, set to ask us until it is closed. */
export interface ResolverSettings {
  readonly upstreams: readonly string[]
  /** This host's resolver without us: as it was before, or as somebody has written it since. */
  readonly facts: ResolverFacts
  /** Other names are ours now. Cheap; nothing happens where the manager cannot route by name. */
  setDomains(domains: readonly string[]): Promise<void>
  /** The resolver as it was before. */
  close(): Promise<void>
}

/**
 * Makes the changes of `planResolver`, and keeps them: a manager that writes over them is answered with ours again,
 * and its new nameservers become the upstreams. At most five times a minute; then it is said, and left for a while.
 * Rejects as `planResolver` throws, and with `resolver.taken`.
 */
export async function openResolverSettings(options: ResolverSettingsOptions): Promise<ResolverSettings> {
  const settings = new KeptSettings(options)
  try {
    await settings.open()
    return settings
  } catch (error) {
    await settings.close()
    throw error
  }
}

const claimResolverFile = (): Promise<Claim | undefined> => claimName('ziti-tunnel.resolv-conf')

/** Whether another tunneler has made itself this host's nameserver: nobody else can by the file, until it ends. */
export async function isResolverTaken(): Promise<boolean> {
  const claim = await claimResolverFile()
  claim?.release()
  return claim === undefined
}

const restoresPerMinute = 5
const minute = 60_000
const watched = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf', '/run/systemd/resolve/netif', '/run/resolvconf/interface', '/run/resolvconf/interfaces']

class KeptSettings implements ResolverSettings {
  readonly #options: ResolverSettingsOptions
  readonly #log: Log
  readonly #clock: Clock
  readonly #budget: RateBudget
  facts: ResolverFacts
  #wanted: ResolverWanted
  #changes: readonly HostChange[] = []
  #watch: PathWatch | undefined
  #claim: Claim | undefined
  #closed = false
  #gaveUp = false
  #looking = false
  readonly #turns = new Turns()
  upstreams: readonly string[]

  constructor(options: ResolverSettingsOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#clock = options.clock ?? systemClock
    this.#budget = new RateBudget(this.#clock, restoresPerMinute, minute)
    this.facts = options.facts
    this.#wanted = options.wanted
    this.upstreams = this.#upstreamsOf(options.facts)
  }

  async open(): Promise<void> {
    await this.#make(this.facts)
    this.#watch = (this.#options.watch ?? watchPaths)([...new Set([...watched, this.facts.file.target])], () => this.#lookSoon(), this.#clock)
  }

  setDomains(domains: readonly string[]): Promise<void> {
    this.#wanted = { ...this.#wanted, domains }
    return this.#turns.take(async () => {
      if (this.#closed || this.facts.method !== 'link') return
      const changes = planResolver(this.facts, this.#wanted)
      if (JSON.stringify(changes) === JSON.stringify(this.#changes)) return
      await this.#options.host.apply(changes)
      this.#changes = changes
    })
  }

  close(): Promise<void> {
    this.#closed = true
    this.#watch?.close()
    return this.#turns.take(async () => {
      await this.#revert()
      this.#claim?.release()
    })
  }

  async #make(facts: ResolverFacts): Promise<void> {
    const changes = planResolver(facts, this.#wanted)
    if (facts.method === 'file') await this.#claimFile()
    await this.#options.host.apply(changes)
    this.facts = facts
    this.#changes = changes
  }

  /** A whole file has one owner: two tunnelers would write over each other, and each would restore what the other wrote. */
  async #claimFile(): Promise<void> {
    this.#claim ??= await (this.#options.claimFile ?? claimResolverFile)()
    if (this.#claim) return
    const others = 'Give that one this identity too (-i, repeatable), or let this one use --resolver file:///etc/hosts'
    throw resolverError('resolver.taken', `another ziti-tunnel is the first nameserver of this host already ("ss -xlp" shows it at @ziti-tunnel.resolv-conf). ${others}`)
  }

  #lookSoon(): void {
    if (this.#looking) return
    this.#looking = true
    void this.#turns.take(() => this.#look()).catch((error: unknown) => this.#say('warn', `the host's resolver could not be set again: ${String(error)}`))
  }

  async #look(): Promise<void> {
    this.#looking = false
    if (this.#closed) return
    const facts = await (this.#options.detect ?? detectResolver)()
    if (await this.#stands(facts)) this.#gaveUp = false
    else await this.#restore(facts)
    const upstreams = this.#upstreamsOf(facts)
    if (upstreams.length === 0 || upstreams.join(' ') === this.upstreams.join(' ')) return
    this.upstreams = upstreams
    this.#say('info', `the nameservers of this host are now ${upstreams.join(' ')}`)
    this.#options.onUpstreams?.(upstreams)
  }

  async #stands(facts: ResolverFacts): Promise<boolean> {
    const set = this.#changes.find(({ kind }) => kind === 'resolved.set')
    if (!set) return namesFirst(facts.file.text, this.#wanted.servers.map(({ address }) => address))
    if (facts.method !== 'link') return false
    const told = await toldOf(await findResolvedProgram(), linkSettingOf(set.parameters))
    return told === undefined || (told.servers && told.domains)
  }

  async #restore(facts: ResolverFacts): Promise<void> {
    if (!this.#budget.take()) {
      if (!this.#gaveUp) this.#say('warn', `somebody keeps changing the host's resolver; it is left alone for a minute. ${facts.line}`)
      this.#gaveUp = true
      return
    }
    this.#say('info', `somebody changed the host's resolver, setting it again. ${facts.line}`)
    // What was overwritten is not ours any more: the revert leaves it as it is, and forgets it.
    await this.#revert()
    await this.#make(facts)
  }

  async #revert(): Promise<void> {
    await this.#options.host.revert(this.#changes.filter(({ undo }) => undo !== undefined))
    this.#changes = []
  }

  #upstreamsOf(facts: ResolverFacts): string[] {
    return upstreamsOf(facts, this.#wanted.servers.map(({ address }) => address))
  }

  #say(level: 'info' | 'warn', message: string): void {
    this.#log(level, 'linux/resolver.watch', message)
  }
}
