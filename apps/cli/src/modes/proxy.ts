import type { WantedListener } from '@tunnel/core/contracts'
import { CodedError, isCodedError } from '@tunnel/flow'
import { parseProxySpec } from '@tunnel/intercept-proxy'
import { startTunneler } from '../compose.ts'
import type { ExitCode } from '../exit-codes.ts'
import { createInterceptor } from '../interceptors.ts'
import { runUntilStopped } from '../lifetime.ts'
import type { Session } from '../session.ts'

export interface ProxyArguments {
  readonly specs: readonly string[]
  readonly bind: string
}

const source = 'ziti-tunnel/subcmd.proxy'

/** The services that the command line names, and those whose `proxy.v1` config asks for a listener. Hosts too, as the original. */
export function runProxy(session: Session, { specs, bind }: ProxyArguments): Promise<ExitCode> {
  return runUntilStopped(session, {
    source,
    async start(signal) {
      const listeners = specs.map(readSpec)
      return startTunneler(session, signal, async () => {
        session.log('info', source, 'starting proxy interceptor', { bind })
        return { interceptor: await createInterceptor('proxy', { bind, log: session.log }), table: { listeners, proxyConfigs: true } }
      })
    },
  })
}

function readSpec(spec: string): WantedListener {
  const listener = parseProxySpec(spec)
  if (isCodedError(listener)) throw new CodedError('usage.proxy-spec', listener.message, { cause: listener })
  return listener
}
