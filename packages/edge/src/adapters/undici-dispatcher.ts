import type { Socket } from 'node:net'
import { connect as secure } from 'node:tls'
import { toCodedError, type Milliseconds } from '@tunnel/flow'
import { Agent, type buildConnector, type Dispatcher } from 'undici'
import type { EdgeOverlay } from '../overlay.ts'
import { dialHost } from './http-agent.ts'

export interface DispatcherOptions extends Omit<Agent.Options, 'connect'> {
  /** For the dial. Default 15 s. */
  readonly dialTimeout?: Milliseconds
  /** PEM of the authorities that `https:` services are checked against; the system's when absent. */
  readonly ca?: string
}

/** A dispatcher whose connections are circuits: the host of a URL is the name of a service, or an address that one intercepts. */
export function createDispatcher(overlay: Pick<EdgeOverlay, 'services' | 'dial'>, options: DispatcherOptions = {}): Dispatcher {
  const { dialTimeout, ca, ...agent } = options
  const connect: buildConnector.connector = (target, connected) => {
    const isSecure = target.protocol === 'https:'
    const port = Number(target.port || (isSecure ? 443 : 80))
    dialHost(overlay, target.hostname, port, dialTimeout).then(
      (socket) => {
        if (!isSecure) return connected(null, socket as unknown as Socket)
        const secured = secure({ socket, servername: target.servername ?? target.hostname, ALPNProtocols: ['http/1.1'], ...(ca !== undefined && { ca }) })
        secured.once('error', (error) => connected(error, null))
        secured.once('secureConnect', () => connected(null, secured))
      },
      (error: unknown) => connected(toCodedError(error, 'dial.refused'), null),
    )
  }
  return new Agent({ ...agent, connect })
}
