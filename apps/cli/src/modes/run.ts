import { startTunneler } from '../compose.ts'
import { createBestInterceptor, interceptorKinds } from '../intercept/interceptor-kinds.ts'
import { prepareHost } from '../intercept/transparent-host.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'
import { withIdentity } from '../session.ts'
import { printPlan } from './plan.ts'

/** What this host can do best. The argument wins over `--identity`, and `--identity-dir` over both, as in the original. */
export function startBest(session: Session, signal: AbortSignal, identity: string | undefined): Promise<Running> {
  const chosen = withIdentity(session, identity)
  const { options, log } = chosen
  if (options.intercept.plan) return printPlan(chosen, signal)
  return startTunneler(chosen, signal, () => prepareHost(chosen, signal, (parts) => createBestInterceptor(interceptorKinds, parts, log)))
}
