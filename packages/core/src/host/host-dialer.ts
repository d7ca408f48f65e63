import type { DatagramFlow, Flow, Protocol } from '@tunnel/flow'

/** The server behind a hosted service, for one connection. */
export interface ServerTarget {
  readonly protocol: Protocol
  /** IP address or host name. */
  readonly address: string
  readonly port: number
  /** Local address, and port if given, from which to connect. */
  readonly source?: { readonly address: string; readonly port?: number }
  /** `host:port` of an HTTP proxy through which to CONNECT. */
  readonly proxy?: string
}

/**
 * How hosting reaches servers: the operating system's sockets by default (`createSocketDialer`), anything in tests.
 * Both settle soon after `signal` aborts. Errors are `CodedError`s with `host.*` codes.
 */
export interface HostDialer {
  connectTcp(target: ServerTarget, signal: AbortSignal): Promise<Flow>
  connectUdp(target: ServerTarget, signal: AbortSignal): Promise<DatagramFlow>
  /** For `httpChecks`. Body as text, at most the first 64 KiB. */
  probeHttp(probe: HttpProbe, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }>
}

export interface HttpProbe {
  readonly url: string
  readonly method: string
  readonly body?: string
}
