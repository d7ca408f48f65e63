import type { Server } from 'node:net'
import { udpIdleByPort, type Clock, type Log, type TcpRequest, type UdpRequest } from '@tunnel/flow'
import type { FlowEnds, LiveFlows } from '../flows/live-flows.ts'
import type { TproxyInterceptorOptions } from '../tproxy-options.ts'
import type { Listeners } from './open-listeners.ts'
import { acceptFrom } from './tcp-listener.ts'
import { UdpReceiver } from './udp-receiver.ts'

export interface IntakeOptions {
  readonly listeners: Listeners
  readonly flows: LiveFlows
  readonly settings: TproxyInterceptorOptions
  readonly clock: Clock
  readonly log: Log
  /** Whether a new UDP session is still wanted there. */
  readonly wanted: (flow: FlowEnds) => boolean
}

const source = 'intercept/tproxy.intake'
const defaultUdpQueue = 16
const defaultUdpSessions = 4_096
const replySockets = 512

/** Everything that the kernel gives to our sockets, as requests. */
export class Intake {
  handler: ((request: TcpRequest | UdpRequest) => void) | undefined
  readonly #options: IntakeOptions
  readonly #udp: UdpReceiver
  readonly #servers: Server[] = []

  constructor(options: IntakeOptions) {
    this.#options = options
    const { settings, flows, clock, log, wanted, listeners } = options
    this.#udp = new UdpReceiver(listeners.udp, {
      clock,
      idle: udpIdleByPort(settings.udpIdle),
      queue: settings.udpQueue ?? defaultUdpQueue,
      sessions: settings.udpSessions ?? defaultUdpSessions,
      replySockets,
      wanted,
      onRequest: (request) => this.#request(request),
      onOpened: (flow) => flows.opened(flow),
      onClosed: (flow) => flows.closed(flow, false),
      onReplyFailure: (error, from) => log('debug', source, 'no reply can leave from there', { from: `${from.address} ${from.port}`, error: String(error) }),
    })
  }

  get udpSessions(): number {
    return this.#udp.sessions
  }

  get displacedSessions(): number {
    return this.#udp.displaced
  }

  get droppedDatagrams(): number {
    return this.#udp.dropped
  }

  /** Takes over the descriptors of the TCP listeners. */
  async start(): Promise<void> {
    const { listeners, flows, log } = this.#options
    for (const { fd } of listeners.tcp) {
      const server = await acceptFrom(fd, {
        onRequest: (request) => this.#request(request),
        onOpened: (flow) => flows.opened(flow),
        onClosed: (flow, ended) => flows.closed(flow, ended),
        onError: (error) => log('error', source, `a connection could not be accepted: ${error.message}`),
      })
      this.#servers.push(server)
    }
  }

  /** Takes no more; what was accepted lives on. */
  stop(): void {
    for (const server of this.#servers) server.close()
    this.#udp.stop()
  }

  #request(request: TcpRequest | UdpRequest): void {
    if (this.handler) this.handler(request)
    else request.refuse('reset')
  }
}
