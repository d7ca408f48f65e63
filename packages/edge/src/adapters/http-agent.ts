import { Agent as HttpAgent, type AgentOptions, type ClientRequest } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions } from 'node:tls'
import type { Milliseconds } from '@tunnel/flow'
import type { EdgeOverlay } from '../overlay.ts'
import { flowSocket, type FlowSocket } from './flow-socket.ts'
import { dialRequest, serviceFor } from './route.ts'

export interface OverlayAgentOptions extends AgentOptions {
  /** For the dial. Default 15 s. */
  readonly dialTimeout?: Milliseconds
}

type Dialable = Pick<EdgeOverlay, 'services' | 'dial'>
type Created = (error: Error | null, socket: Duplex) => void

/** An agent whose connections are circuits: the host of a URL is the name of a service, or an address that one intercepts. */
export function createAgent(overlay: Dialable, options: OverlayAgentOptions = {}): HttpAgent {
  return new OverlayAgent(overlay, options)
}

/** The same for `https:` URLs: TLS with the service's server, inside the circuit. */
export function createHttpsAgent(overlay: Dialable, options: OverlayAgentOptions & HttpsAgentOptions = {}): HttpsAgent {
  return new SecureOverlayAgent(overlay, options)
}

export async function dialHost(overlay: Dialable, host: string, port: number, timeout?: Milliseconds): Promise<FlowSocket> {
  const target = { hostname: host, port }
  const flow = await overlay.dial(serviceFor(overlay, target), { ...dialRequest(target), ...(timeout !== undefined && { timeout }) })
  return flowSocket(flow)
}

interface Wanted {
  readonly host?: string | null | undefined
  readonly port?: string | number | null | undefined
}

class OverlayAgent extends HttpAgent {
  readonly #overlay: Dialable
  readonly #timeout: Milliseconds | undefined

  constructor(overlay: Dialable, options: OverlayAgentOptions) {
    super(options)
    this.#overlay = overlay
    this.#timeout = options.dialTimeout
  }

  override createConnection(wanted: Wanted, created?: Created): undefined {
    dialHost(this.#overlay, wanted.host ?? 'localhost', Number(wanted.port ?? 80), this.#timeout).then(
      (socket) => created?.(null, socket),
      (error: Error) => created?.(error, undefined as never),
    )
    return undefined
  }

  // A circuit needs no keep-alive probes, and its channel keeps the process alive or not.
  override keepSocketAlive(): boolean {
    return true
  }

  override reuseSocket(_socket: Duplex, request: ClientRequest): void {
    request.reusedSocket = true
  }
}

class SecureOverlayAgent extends HttpsAgent {
  readonly #overlay: Dialable
  readonly #timeout: Milliseconds | undefined

  constructor(overlay: Dialable, options: OverlayAgentOptions & HttpsAgentOptions) {
    super(options)
    this.#overlay = overlay
    this.#timeout = options.dialTimeout
  }

  override createConnection(wanted: Wanted, created?: Created): undefined {
    dialHost(this.#overlay, wanted.host ?? 'localhost', Number(wanted.port ?? 443), this.#timeout).then(
      (socket) => created?.(null, connect({ ...(wanted as ConnectionOptions), socket })),
      (error: Error) => created?.(error, undefined as never),
    )
    return undefined
  }
}
