import type { WantedListener } from '@tunnel/core/contracts'
import { CodedError, isCodedError } from '@tunnel/flow'
import { createProxyInterceptor, parseProxySpec } from '@tunnel/intercept-proxy'
import { openAlone, startTunneler } from '../compose.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'

export interface ProxyArguments {
  readonly specs: readonly string[]
  readonly bind: string
}

/** The services that the command line names, and those whose `proxy.v1` config asks for a listener. Hosts too, as the original. */
export async function startProxy(session: Session, signal: AbortSignal, { specs, bind }: ProxyArguments): Promise<Running> {
  const { log } = session
  const listeners = specs.map(readSpec)
  checkPorts(listeners)
  return startTunneler(session, signal, () => {
    log('info', 'ziti-tunnel/subcmd.proxy', 'starting proxy interceptor', { bind })
    return openAlone({ interceptor: createProxyInterceptor({ bind, log }), table: { listeners, proxyConfigs: true } })
  })
}

/** A port has one service. That two want it can be known before anything is started. */
function checkPorts(listeners: readonly WantedListener[]): void {
  const owners = new Map<string, string>()
  for (const { service, protocol, port } of listeners) {
    const owner = owners.get(`${protocol} ${port}`)
    if (owner !== undefined && owner !== service) {
      throw new CodedError('usage.proxy-spec', `port ${port} (${protocol}) is given to '${owner}' and to '${service}': choose another for one of them`)
    }
    owners.set(`${protocol} ${port}`, service)
  }
}

function readSpec(spec: string): WantedListener {
  const listener = parseProxySpec(spec)
  if (isCodedError(listener)) throw new CodedError('usage.proxy-spec', listener.message, { cause: listener })
  return listener
}
