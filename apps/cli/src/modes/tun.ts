import { startTunneler } from '../compose.ts'
import { prepareHost } from '../intercept/transparent-host.ts'
import { openTun } from '../intercept/tun.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'
import { printPlan } from './plan.ts'

/** Interception by a TUN link, or not at all. */
export function startTun(session: Session, signal: AbortSignal): Promise<Running> {
  if (session.options.intercept.plan) return printPlan(session, signal, openTun)
  return startTunneler(session, signal, () => prepareHost(session, signal, openTun))
}
