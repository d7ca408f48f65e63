import { toCodedError, type Clock, type Log, type Milliseconds } from '@tunnel/flow'
import type { NetworkPath, RouterAddress, TlsCredentials } from '../controller/types.ts'
import { Channel } from './channel.ts'
import { TlsTransport } from './tls-transport.ts'

export interface EdgeChannelOptions {
  readonly router: Pick<RouterAddress, 'host' | 'port' | 'url'>
  /** Token of the API session. */
  readonly token: string
  readonly tokenExpiresAt?: Milliseconds | undefined
  readonly credentials: TlsCredentials
  readonly path: NetworkPath
  readonly clock: Clock
  readonly log: Log
  /** For connecting, TLS and hello together. */
  readonly timeout: Milliseconds
  readonly signal: AbortSignal
}

/** Connects to a router and says hello. Rejects with `channel.*` codes. */
export async function openEdgeChannel(options: EdgeChannelOptions): Promise<Channel> {
  const { router, clock, log, timeout, tokenExpiresAt } = options
  const { signal } = options
  const transport = new TlsTransport(options)
  const channel = new Channel({ url: router.url, transport, clock, log, tokenExpiresAt })
  const started = clock.now()
  const limit = new AbortController()
  const cancel = clock.after(timeout, () => limit.abort())
  try {
    await transport.connect(channel, AbortSignal.any([signal, limit.signal]))
  } finally {
    cancel()
  }
  const giveUp = (): void => void channel.close(toCodedError(signal.reason, 'channel.aborted'))
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  try {
    // The router waits 5 s for the hello: it goes out with the handshake's last flight.
    await channel.open(options.token, Math.max(1, timeout - (clock.now() - started)), clock.now() - started)
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
  return channel
}
