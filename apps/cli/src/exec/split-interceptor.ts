import { bestMatch } from '@tunnel/config'
import type { ApplyReport, Interceptor, InterceptTable, WantedIntercept } from '@tunnel/core'
import type { TcpRequest, UdpRequest } from '@tunnel/flow'

export interface SplitInterceptor extends Interceptor {
  /** Everything that a command opens. */
  take(request: TcpRequest | UdpRequest): void
}

export interface SplitOptions {
  readonly hostnameOf: (address: string) => string | undefined
  /** Takes what no service has. */
  readonly others: (request: TcpRequest | UdpRequest) => void
}

/**
 * Where all traffic comes to us there is nothing to set up: each request goes to the overlay if a service has its destination, and to `others` if not.
 */
export function createSplitInterceptor({ hostnameOf, others }: SplitOptions): SplitInterceptor {
  let present: readonly WantedIntercept[] = []
  let handler: ((request: TcpRequest | UdpRequest) => void) | undefined
  let closed = false

  const hasService = ({ protocol, from, to }: TcpRequest | UdpRequest): boolean => {
    const hostname = hostnameOf(to.address)
    return bestMatch(present, { protocol, ...to, source: from.address, ...(hostname !== undefined && { hostname }) }) !== undefined
  }
  return {
    kind: 'tun',
    plan: () => [],
    async apply(wanted) {
      const before = present
      present = wanted.intercepts
      return reportOf(before, present)
    },
    onRequest: (wanted) => void (handler = wanted),
    take(request) {
      if (closed) request.refuse('reset')
      else if (handler && hasService(request)) handler(request)
      else others(request)
    },
    close: async () => void (closed = true),
  }
}

function reportOf(before: InterceptTable['intercepts'], after: InterceptTable['intercepts']): ApplyReport {
  const names = (intercepts: InterceptTable['intercepts']): string[] => intercepts.map(({ service }) => service.name)
  const missing = (from: readonly string[], there: readonly string[]): string[] => there.filter((name) => !from.includes(name))
  return {
    applied: missing(names(before), names(after)).map((name) => `intercepting service '${name}'`),
    removed: missing(names(after), names(before)).map((name) => `stopped intercepting service '${name}'`),
    failed: [],
  }
}
