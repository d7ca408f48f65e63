import { startTunneler } from '../compose.ts'
import { openTproxy } from '../intercept/tproxy.ts'
import { prepareHost } from '../intercept/transparent-host.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'
import { printPlan } from './plan.ts'

/** Interception by TPROXY, or not at all. */
export function startTproxy(session: Session, signal: AbortSignal): Promise<Running> {
  if (session.options.intercept.plan) return printPlan(session, signal, openTproxy)
  return startTunneler(session, signal, () => prepareHost(session, signal, openTproxy))
}
