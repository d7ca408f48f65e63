import type { Duplex } from 'node:stream'
import { loadCrypto, type Crypto } from '@tunnel/edge/wire'
import { silentLog, systemClock, type Cancel, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import type { ApiSession, RouterAuthority, Terminator } from './authority.ts'
import { Client, type RouterContext } from './client.ts'
import type { ChannelCloseReason, RouterStats } from './counters.ts'
import { Counters } from './counters.ts'
import type { DialRequest, FabricRouter, HostAnswer } from './fabric-router.ts'
import type { Fabric } from './fabric.ts'
import { dialBind } from './host-dial.ts'
import { hostTarget } from './host-target.ts'
import { Hosting } from './hosting.ts'
import { refusal } from './refusal.ts'
import type { RouterFaults } from './router-faults.ts'
import { createTlsListener, type RouterTls, type TlsListener } from './tls-listener.ts'

export interface RouterOptions {
  readonly authority: RouterAuthority
  readonly fabric: Fabric
  readonly id: string
  readonly name: string
  readonly host: string
  /** 0: any. A router that starts again takes the same port again. */
  readonly port: number
  readonly tls: RouterTls
  readonly log?: Log
  readonly clock?: Clock
  readonly faults?: RouterFaults
  /** For encrypted circuits to targets of its own; `loadCrypto` of `@tunnel/edge/wire`. */
  readonly crypto?: () => Promise<Crypto>
}

export interface Router {
  readonly id: string
  readonly name: string
  /** `tls://host:port`; the port is the wanted one before `start`. */
  readonly url: string
  start(): Promise<{ readonly port: number }>
  /** Says what is on its way out, then closes. It can be started again, as after `kill`. */
  stop(): Promise<void>
  /** All sockets, now. */
  kill(): void
  /** Reads and writes nothing, without closing anything. */
  freeze(): void
  resume(): void
  /** Closes channels now; all of them without a filter. Returns how many. */
  dropChannels(filter?: (session: ApiSession | undefined) => boolean): number
  /** From now on all that the router says to SDKs comes so much later. */
  delay(milliseconds: Milliseconds): void
  stats(): RouterStats
  /** A channel over any stream, without TLS: for tests that feed it bytes. `clientCertificate` is DER. */
  acceptStream(stream: Duplex, peer: { readonly clientCertificate: Uint8Array }): void
}

/** An edge router with the behaviour of a 2.0.3 one (protocol section 11). */
export function createRouter(options: RouterOptions): Router {
  return new EdgeRouter(options)
}

class EdgeRouter implements Router, FabricRouter {
  readonly id: string
  readonly name: string
  readonly #options: RouterOptions
  readonly #counters = new Counters()
  readonly #hosting: Hosting
  readonly #context: RouterContext
  readonly #clients = new Set<Client>()
  #crypto: Promise<Crypto> | undefined
  #listener: TlsListener | undefined
  #port: number
  #leave: Cancel | undefined
  #frozen = false
  #delay: Milliseconds = 0

  constructor(options: RouterOptions) {
    const { id, name, port, authority, fabric, clock = systemClock, faults = {}, log = silentLog } = options
    this.id = id
    this.name = name
    this.#options = options
    this.#port = port
    this.#hosting = new Hosting({ clock, counters: this.#counters, terminators: authority.terminators })
    this.#context = { id, authority, fabric, hosting: this.#hosting, counters: this.#counters, clock, faults, log }
  }

  get url(): string {
    const { host } = this.#options
    return `tls://${host.includes(':') ? `[${host}]` : host}:${this.#port}`
  }

  async start(): Promise<{ readonly port: number }> {
    this.#listener?.destroy()
    this.#listener = createTlsListener({
      tls: this.#options.tls,
      accepted: (socket, clientCertificate) => this.acceptStream(socket, { clientCertificate }),
      failed: (reason) => {
        this.#counters.tlsFailures += 1
        this.#context.log('debug', 'devnet/router.tls', 'handshake failed', { reason })
      },
    })
    this.#port = await this.#listener.listen(this.#options.host, this.#port)
    this.#join()
    return { port: this.#port }
  }

  async stop(): Promise<void> {
    const closed = this.#listener?.close()
    this.resume()
    this.#leaveFabric()
    await Promise.all([...this.#clients].map((client) => client.channel.finish('stopped')))
    this.#listener?.destroy()
    await closed
  }

  kill(): void {
    this.#leaveFabric()
    this.#closeChannels('killed', () => true)
    this.#listener?.destroy()
    this.#frozen = false
  }

  freeze(): void {
    this.#frozen = true
    this.#listener?.freeze()
    for (const client of this.#clients) client.channel.freeze()
  }

  resume(): void {
    if (!this.#frozen) return
    this.#frozen = false
    this.#listener?.resume()
    for (const client of this.#clients) client.channel.resume()
  }

  dropChannels(filter: (session: ApiSession | undefined) => boolean = () => true): number {
    return this.#closeChannels('dropped', ({ session }) => filter(session))
  }

  delay(milliseconds: Milliseconds): void {
    this.#delay = milliseconds
    for (const client of this.#clients) client.channel.delay(milliseconds)
  }

  stats(): RouterStats {
    return this.#counters.stats(this.#clients.size)
  }

  acceptStream(stream: Duplex, { clientCertificate }: { readonly clientCertificate: Uint8Array }): void {
    this.#join()
    const client = new Client({
      stream,
      certificate: clientCertificate,
      router: this.#context,
      closed: (closed) => this.#clients.delete(closed),
    })
    this.#clients.add(client)
    client.channel.delay(this.#delay)
    if (this.#frozen) client.channel.freeze()
  }

  openTerminator(terminator: Terminator, request: DialRequest, answer: HostAnswer): Cancel {
    if (terminator.kind === 'router') {
      return hostTarget({ terminator, request, answer, crypto: () => this.#loadCrypto(), counters: this.#counters })
    }
    const bind = this.#hosting.bindOf(terminator)
    if (bind) return dialBind(bind, request, answer)
    answer.failed(refusal.hostGone)
    return () => {}
  }

  #loadCrypto(): Promise<Crypto> {
    this.#crypto ??= (this.#options.crypto ?? loadCrypto)()
    return this.#crypto
  }

  #join(): void {
    if (this.#leave) return
    const { authority, fabric } = this.#options
    const leaves = [
      fabric.join(this),
      authority.onApiSessionEnded((ended) => this.#closeChannels('session-ended', ({ session }) => session?.id === ended)),
      authority.onServiceSessionEnded?.((ended) => {
        for (const client of this.#clients) client.revoke(ended)
      }),
    ]
    this.#leave = () => {
      for (const leave of leaves) leave?.()
    }
  }

  #leaveFabric(): void {
    this.#leave?.()
    this.#leave = undefined
  }

  #closeChannels(reason: ChannelCloseReason, wanted: (client: Client) => boolean): number {
    const chosen = [...this.#clients].filter(wanted)
    for (const { channel } of chosen) channel.close(reason)
    return chosen.length
  }
}
