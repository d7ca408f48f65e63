import { openAlone, startTunneler } from '../compose.ts'
import type { Running } from '../lifetime.ts'
import type { Session } from '../session.ts'

/** Offers the services that the identities may bind; takes no connections of this host. */
export function startHost(session: Session, signal: AbortSignal): Promise<Running> {
  return startTunneler(session, signal, () => openAlone({}))
}
