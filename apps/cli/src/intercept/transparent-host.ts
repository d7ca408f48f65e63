import { isIPv4 } from 'node:net'
import type { Interceptor, Tunneler } from '@tunnel/core'
import type { Endpoint } from '@tunnel/flow'
import type { HostState, ResolverFacts, ResolverWanted, Slot } from '@tunnel/linux'
import { claimSlot, detectResolver, openHostState, replayJournals } from '@tunnel/linux'
import type { Composition, HostSide } from '../compose.ts'
import { createMarkedNetwork } from '../network/marked-network.ts'
import type { InterceptOptions } from '../options/intercept-options.ts'
import { selfTestName } from '../resolver/self-test.ts'
import type { Session } from '../session.ts'
import type { NameServer } from './name-server.ts'
import { openNameServer } from './name-server.ts'
import type { NameSystem } from './name-system.ts'
import { createNameSystem, linkAddress } from './name-system.ts'
import { withNames } from './named-interceptor.ts'
import { checkAbility } from './privilege.ts'
import type { TproxyParts } from './tproxy.ts'

export type Choose = (parts: TproxyParts) => Promise<Interceptor>

/**
 * Makes this host ready to be intercepted. What dead tunnelers have left is undone first; from then on every change has its undo on
 * disk before it is made. The rest happens in `open`, while the identities log in.
 */
export async function prepareHost(session: Session, signal: AbortSignal, choose: Choose): Promise<HostSide> {
  const { options, log, command } = session
  const { stateDirectory } = options.intercept
  checkAbility(command)
  await replayJournals(stateDirectory, { log })
  const [host, slot, facts] = await Promise.all([openHostState({ stateDirectory, log }), claimSlot(), detectResolver()])
  return new TransparentHost({ session, host, slot, facts, choose, signal })
}

interface Foundation {
  readonly session: Session
  readonly host: HostState
  readonly slot: Slot
  readonly facts: ResolverFacts
  readonly choose: Choose
  readonly signal: AbortSignal
}

class TransparentHost implements HostSide {
  readonly #base: Foundation
  readonly #names: NameSystem
  readonly #wanted: ResolverWanted
  readonly #network: ReturnType<typeof createMarkedNetwork>
  #opening: Promise<unknown> = Promise.resolve()
  #nameServer: NameServer | undefined
  #tunneler: Tunneler | undefined

  constructor(base: Foundation) {
    const { session, facts, slot } = base
    const { intercept } = session.options
    this.#base = base
    this.#wanted = wantedResolver(intercept, facts, slot.slot)
    const listen = intercept.resolver.kind === 'server' ? intercept.resolver.listen : []
    const { servers } = this.#wanted
    this.#names = createNameSystem({ options: intercept, facts, listen: [...listen, ...servers], log: session.log, refresh: () => this.#tunneler?.refresh() })
    this.#network = createMarkedNetwork(this.#names.lookup)
  }

  get path(): HostSide['path'] {
    return this.#network.path
  }

  async open(): Promise<Composition> {
    const { session, host, slot: { slot }, choose, signal } = this.#base
    const { book, ranges } = this.#names
    const abort = new AbortController()
    const giveUp = AbortSignal.any([signal, abort.signal])
    const choosing = choose({ host, slot, book, poolRanges: ranges, options: session.options.intercept, log: session.log })
    const naming = this.#openNameServer(giveUp)
    this.#opening = Promise.allSettled([choosing, naming])
    choosing.catch(() => abort.abort())
    try {
      const [interceptor, names] = await Promise.all([choosing, naming])
      return this.#compose(interceptor, names)
    } catch (error) {
      const interceptor = await choosing.catch(() => undefined)
      await interceptor?.close()
      throw error
    }
  }

  async stopping(): Promise<void> {
    await this.#opening
    const names = this.#nameServer
    this.#nameServer = undefined
    await names?.close()
  }

  async close(): Promise<void> {
    await this.stopping()
    await this.#base.host.restore()
    this.#base.slot.release()
  }

  async #openNameServer(signal: AbortSignal): Promise<NameServer> {
    const { slot: { slot }, ...base } = this.#base
    this.#nameServer = await openNameServer({ ...base, ...this.#names, slot, wanted: this.#wanted, signal })
    return this.#nameServer
  }

  #compose(interceptor: Interceptor, names: NameServer): Composition {
    const { book } = this.#names
    return {
      interceptor: withNames(interceptor, { book, published: (wanted) => names.published(wanted) }),
      table: { proxyConfigs: true, addresses: true },
      hostnameOf: (address) => book.nameOf(address),
      hostDialer: this.#network.hostDialer,
      started: (tunneler) => void (this.#tunneler = tunneler),
      status: () => ({ interceptor: interceptor.kind, slot: this.#base.slot.slot, dns: names.status() }),
    }
  }
}

/** What this host's resolver is to know of us: as it is told, and as guidance puts it. */
export function wantedResolver({ resolver, configureResolver, ip4Range }: InterceptOptions, facts: ResolverFacts, slot: number): ResolverWanted {
  const listen = resolver.kind === 'server' ? resolver.listen : []
  const domains = [selfTestName]
  if (!configureResolver || facts.method !== 'link') return { servers: listen.map(reachable), domains, slot }
  const address = linkAddress(ip4Range, slot)
  return { servers: [{ address, port: listen[0]?.port ?? 53 }], domains, link: { name: `ziti${slot}`, address }, slot }
}

/** A server on all addresses is asked on the loopback one. */
function reachable({ address, port }: Endpoint): Endpoint {
  if (address === '0.0.0.0') return { address: '127.0.0.1', port }
  return isIPv4(address) || address !== '::' ? { address, port } : { address: '::1', port }
}
