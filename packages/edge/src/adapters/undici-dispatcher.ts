import type { Socket } from 'node:net'
import { toCodedError, type Milliseconds } from '@tunnel/flow'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import type { EdgeOverlay } from '../overlay.ts'
import { dialHost } from './http-agent.ts'

export interface DispatcherOptions extends Omit<Agent.Options, 'connect'> {
  /** For the dial, and again for the TLS handshake. Default 15 s. */
  readonly dialTimeout?: Milliseconds
  /** PEM of the authorities that `https:` services are checked against; the system's when absent. */
  readonly ca?: string
}

const defaultTimeout: Milliseconds = 15_000

/** A dispatcher whose connections are circuits: the host of a URL is the name of a service, or an address that one intercepts. */
export function createDispatcher(overlay: Pick<EdgeOverlay, 'services' | 'dial'>, options: DispatcherOptions = {}): Dispatcher {
  const { dialTimeout, ca, ...agent } = options
  const secure = buildConnector({ allowH2: false, timeout: dialTimeout ?? defaultTimeout, ...(ca !== undefined && { ca }) })
  const connect: buildConnector.connector = (target, connected) => {
    const isSecure = target.protocol === 'https:'
    const port = Number(target.port || (isSecure ? 443 : 80))
    dialHost(overlay, target.hostname, port, dialTimeout).then(
      (duplex) => {
        const socket = duplex as unknown as Socket
        if (isSecure) secure({ ...target, httpSocket: socket }, connected)
        else connected(null, socket)
      },
      (error: unknown) => connected(toCodedError(error, 'dial.refused'), null),
    )
  }
  return new Agent({ ...agent, connect })
}
