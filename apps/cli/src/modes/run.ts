import { startTunneler } from '../compose.ts'
import { createBestInterceptor, interceptorKinds } from '../intercept/interceptor-kinds.ts'
import type { Choose } from '../intercept/transparent-host.ts'
import { prepareHost } from '../intercept/transparent-host.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'
import { withIdentity } from '../session.ts'
import { printPlan } from './plan.ts'

/** What this host can do best. The argument wins over `--identity`, and `--identity-dir` over both, as in the original. */
export function startBest(session: Session, signal: AbortSignal, identity: string | undefined): Promise<Running> {
  const chosen = withIdentity(session, identity)
  const { options } = chosen
  const choose: Choose = async (parts) => {
    const interceptor = await createBestInterceptor(interceptorKinds, parts, parts.log)
    if (options.intercept.capture && !interceptor.tap) parts.log('warn', 'ziti-tunnel/subcmd.run', withoutStack(interceptor.kind))
    return interceptor
  }
  if (options.intercept.plan) return printPlan(chosen, signal, choose)
  return startTunneler(chosen, signal, () => prepareHost(chosen, signal, choose))
}

const withoutStack = (kind: string): string =>
  `--pcap is without effect: connections of ${kind} are the kernel's ('tcpdump -i any' shows them); 'ziti-tunnel tun --pcap' has a stack of its own`
