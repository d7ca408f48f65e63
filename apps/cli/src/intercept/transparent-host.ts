import type { Tunneler } from '@tunnel/core'
import type { HostState, ResolverFacts, Slot } from '@tunnel/linux'
import { claimSlot, detectResolver, openHostState, replayJournals } from '@tunnel/linux'
import type { Composition, HostSide } from '../compose.ts'
import type { MarkedNetwork } from '../network/marked-network.ts'
import { createMarkedNetwork, openMarkedTcp } from '../network/marked-network.ts'
import type { DnsPlaces } from '../resolver/dns-places.ts'
import { findDnsPlaces } from '../resolver/dns-places.ts'
import type { Session } from '../session.ts'
import { withFreeRange } from './free-range.ts'
import type { HostInterceptor } from './host-interceptor.ts'
import type { NameServer } from './name-server.ts'
import { openNameServer } from './name-server.ts'
import type { NameSystem } from './name-system.ts'
import { createNameSystem } from './name-system.ts'
import { withNames } from './named-interceptor.ts'
import { checkAbility } from './privilege.ts'
import type { InterceptorParts } from './tproxy.ts'

export type Choose = (parts: InterceptorParts) => Promise<HostInterceptor>

/**
 * This host, to be intercepted. What dead tunnelers have left is undone first; from then on every change has its undo on disk
 * before it is made. Identities may log in meanwhile: their connections wait only for what they need.
 */
export function prepareHost(session: Session, signal: AbortSignal, choose: Choose): HostSide {
  checkAbility(session.command)
  return new TransparentHost(withFreeRange(session), signal, choose)
}

/** What everything else stands on. */
interface Ground {
  readonly host: HostState
  readonly slot: Slot
  readonly facts: ResolverFacts
  readonly places: DnsPlaces
  readonly names: NameSystem
  readonly network: MarkedNetwork
}

class TransparentHost implements HostSide {
  readonly path: NonNullable<HostSide['path']>
  readonly #session: Session
  readonly #signal: AbortSignal
  readonly #choose: Choose
  readonly #ground: Promise<Ground>
  #opening: Promise<unknown> = Promise.resolve()
  #nameServer: NameServer | undefined
  #tunneler: Tunneler | undefined

  constructor(session: Session, signal: AbortSignal, choose: Choose) {
    this.#session = session
    this.#signal = signal
    this.#choose = choose
    this.#ground = this.#prepare()
    this.#ground.catch(() => {}) // `open` tells
    this.path = {
      connect: async (target, abort) => (await this.#ground).network.connect(target, abort),
      sockets: { resolve: async (host) => (await this.#ground).network.sockets.resolve(host), open: openMarkedTcp },
    }
  }

  open(): Promise<Composition> {
    const composition = this.#open()
    this.#opening = composition.catch(() => {})
    return composition
  }

  async stopping(): Promise<void> {
    await this.#opening
    const names = this.#nameServer
    this.#nameServer = undefined
    await names?.close()
  }

  async close(): Promise<void> {
    await this.stopping()
    const ground = await this.#ground.catch(() => undefined)
    await ground?.host.restore()
    ground?.slot.release()
  }

  async #prepare(): Promise<Ground> {
    const { options: { intercept }, log } = this.#session
    const { stateDirectory } = intercept
    await replayJournals(stateDirectory, { log })
    const [slot, facts] = await Promise.all([claimSlot(), detectResolver()])
    try {
      const places = await findDnsPlaces(intercept, facts, slot.slot)
      const names = createNameSystem({ options: intercept, facts, places, log, refresh: () => this.#tunneler?.refresh() })
      const host = await openHostState({ stateDirectory, log })
      return { host, slot, facts, places, names, network: createMarkedNetwork(names.lookup) }
    } catch (error) {
      slot.release()
      throw error
    }
  }

  /** The interceptor first: where this host cannot have one, nothing else of it is touched. */
  async #open(): Promise<Composition> {
    const ground = await this.#ground
    const { options, log } = this.#session
    const { host, slot: { slot }, names: { book, ranges } } = ground
    const interceptor = await this.#choose({ host, slot, book, poolRanges: ranges, options: options.intercept, log })
    try {
      this.#signal.throwIfAborted()
      this.#nameServer = await openNameServer({ ...ground, ...ground.names, slot, inside: interceptor.inside, session: this.#session, signal: this.#signal })
      return this.#compose(ground, interceptor, this.#nameServer)
    } catch (error) {
      await interceptor.close()
      throw error
    }
  }

  #compose({ slot, network, names: { book } }: Ground, interceptor: HostInterceptor, names: NameServer): Composition {
    return {
      interceptor: withNames(interceptor, { book, published: (wanted) => names.published(wanted) }),
      ...(interceptor.tap && { tap: interceptor.tap }),
      table: { proxyConfigs: true, addresses: true },
      hostnameOf: (address) => book.nameOf(address),
      hostDialer: network.hostDialer,
      started: (tunneler) => void (this.#tunneler = tunneler),
      status: () => ({ interceptor: interceptor.kind, slot: slot.slot, dns: names.status() }),
    }
  }
}
