import type { Interceptor } from '@tunnel/core'
import { syntheticPool, type DnsServer, type SyntheticPool } from '@tunnel/dns'
import type { Milliseconds, TcpRequest, UdpRequest } from '@tunnel/flow'
import { systemClock } from '@tunnel/flow'
import { detectResolver, openCommandNamespace, upstreamsOf, type CommandEnd, type CommandNamespace, type ResolverFacts } from '@tunnel/linux'
import { createNetstack, createPcapTap, type Netstack } from '@tunnel/netstack'
import { captureToFile } from '../capture/capture-to-file.ts'
import type { Composition, HostSide } from '../compose.ts'
import { withNames } from '../intercept/named-interceptor.ts'
import type { NameBook } from '../names/name-book.ts'
import { createSyntheticNames } from '../names/synthetic-names.ts'
import { createUpstreams, upstreamUrls } from '../resolver/upstreams.ts'
import type { Session } from '../session.ts'
import { commandNetwork } from './command-network.ts'
import { insideAddresses, type InsideAddresses } from './inside-addresses.ts'
import { openInsideDns } from './inside-dns.ts'
import { OpenDatagrams } from './open-datagrams.ts'
import { PendingRequests } from './pending-requests.ts'
import { createRelay, type Relay } from './relay.ts'
import { createSplitInterceptor } from './split-interceptor.ts'

export interface ExecArguments {
  readonly command: readonly string[]
  /** What is no service's goes nowhere. */
  readonly overlayOnly: boolean
  /** The address inside that stands for this host's own loopback address. */
  readonly hostLoopback: string | undefined
}

/** Time that connections have to end by themselves when the command has. */
const grace: Milliseconds = 3_000

/** The network of one command: everything that it sends comes here. The network of this host is left as it is. */
export class CommandHost implements HostSide {
  #tellApplied: () => void = () => {}
  /** Resolves when names are answered and services are reached. */
  readonly applied = new Promise<void>((resolve) => (this.#tellApplied = resolve))
  readonly #session: Session
  readonly #arguments: ExecArguments
  readonly #inside: InsideAddresses
  readonly #relay: Relay = createRelay()
  readonly #datagrams = new OpenDatagrams()
  readonly #pending = new PendingRequests()
  #namespace: CommandNamespace | undefined
  #stack: Netstack | undefined
  #dns: DnsServer | undefined
  #begun = false

  constructor(session: Session, execArguments: ExecArguments) {
    this.#session = session
    this.#arguments = execArguments
    this.#inside = insideAddresses(session.options.intercept)
  }

  get begun(): boolean {
    return this.#begun
  }

  async open(): Promise<Composition> {
    this.#namespace = await openCommandNamespace(commandNetwork(this.#arguments.command, this.#inside))
    const { capture } = this.#session.options.intercept
    const tap = createPcapTap({ clock: systemClock })
    if (capture) captureToFile(tap, capture, this.#session.log)
    const stack = createNetstack({ device: tap.through(this.#namespace.device), any: true, log: this.#session.log })
    this.#stack = stack
    const pool = this.#openPool(this.#namespace.ipv6)
    const book = createSyntheticNames(pool, this.#session.log)
    await this.#openDns(stack, book)
    const split = createSplitInterceptor({ hostnameOf: (address) => book.nameOf(address), others: (request) => this.#takeOther(request, book) })
    stack.onConnect((request) => split.take(this.#pending.watch(request)))
    stack.onDatagram((request) => split.take(this.#datagrams.watch(request)))
    return {
      interceptor: this.#telling(withNames(split, { book })),
      hosting: false,
      tap,
      table: { addresses: true },
      hostnameOf: (address) => book.nameOf(address),
    }
  }

  /** The command runs from now on. Gives how it ended. */
  begin(): Promise<CommandEnd> {
    this.#begun = true
    this.#namespace?.begin()
    return this.#namespace?.ended ?? Promise.resolve({ code: null, signal: null })
  }

  signal(name: NodeJS.Signals): void {
    this.#namespace?.signal(name)
  }

  async stopping(): Promise<void> {
    this.#datagrams.close()
    this.#pending.abandonAll()
    const enough = new Promise<void>((resolve) => systemClock.after(grace, resolve))
    await Promise.race([this.#relay.whenIdle(), enough])
  }

  async close(): Promise<void> {
    if (!this.#begun) this.#namespace?.signal('SIGKILL')
    await this.#dns?.close()
    await (this.#stack?.close() ?? this.#namespace?.device.close())
  }

  #openPool(ipv6: boolean): SyntheticPool {
    const { ip4Range, ip6Range } = this.#session.options.intercept
    const own = new Set<string | undefined>([...Object.values(this.#inside), this.#arguments.hostLoopback])
    return syntheticPool({ v4: ip4Range, ...(ipv6 && ip6Range !== undefined && { v6: ip6Range }), taken: (address) => own.has(address), log: this.#session.log })
  }

  async #openDns(stack: Netstack, book: NameBook): Promise<void> {
    const { log, options: { intercept } } = this.#session
    const servers = this.#arguments.overlayOnly ? [] : intercept.upstreams.length > 0 ? intercept.upstreams : upstreamUrls(askedByHost(await detectResolver()))
    const upstreams = createUpstreams(servers, { mode: intercept.upstreamMode, log })
    this.#dns = await openInsideDns({ stack, address: this.#inside.dns, resolvers: [book.resolver, upstreams.resolver], unanswerable: intercept.unanswerable, log })
  }

  /** What no service has. */
  #takeOther(request: TcpRequest | UdpRequest, book: NameBook): void {
    const { hostLoopback, overlayOnly } = this.#arguments
    const { address, port } = request.to
    if (address === hostLoopback) this.#relay.take(request, { address: address.includes(':') ? '::1' : '127.0.0.1', port })
    else if (address === this.#inside.dns || book.nameOf(address) !== undefined) request.refuse('reset')
    else if (overlayOnly) request.refuse('prohibited')
    else this.#relay.take(request)
  }

  #telling(inner: Interceptor): Interceptor {
    return {
      ...inner,
      apply: async (wanted) => {
        const report = await inner.apply(wanted)
        this.#tellApplied()
        return report
      },
    }
  }
}

/** Whom programs of this host ask, also where that is a stub: it may ask by name, as for a VPN. It never asks us, as nothing is configured here. */
const askedByHost = (facts: ResolverFacts): readonly string[] => (facts.file.nameservers.length > 0 ? facts.file.nameservers : upstreamsOf(facts))
