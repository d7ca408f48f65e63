import { CodedError } from '@tunnel/flow'
import { startTunneler } from '../compose.ts'
import type { Composition } from '../compose.ts'
import { createBestInterceptor, interceptorKinds } from '../interceptors.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'

const source = 'ziti-tunnel/subcmd.run'

// Inside tunnelers that intercept, proxy.v1 listeners are for programs of this host (protocol section 6.6).
const bind = '127.0.0.1'

/** What this host can do best. The argument wins over `--identity`, and `--identity-dir` over both, as in the original. */
export function startBest(session: Session, signal: AbortSignal, identity: string | undefined): Promise<Running> {
  const { options, log } = session
  const chosen = identity === undefined ? session : { ...session, options: { ...options, identities: [identity] } }
  return startTunneler(chosen, signal, () => chooseBest(log))
}

async function chooseBest(log: Session['log']): Promise<Composition> {
  const interceptor = await createBestInterceptor(interceptorKinds, { bind, log })
  if (interceptor === undefined) throw new CodedError('cli.no-interceptor', 'failed to initialize an interceptor')
  const transparent = interceptorKinds.some(({ kind, transparent }) => kind === interceptor.kind && transparent)
  if (!transparent) {
    log('warn', source, 'transparent interception is not available in this version; serving proxy.v1 listeners and hosting')
  }
  return { interceptor, table: { proxyConfigs: true, addresses: transparent } }
}
