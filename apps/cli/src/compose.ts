import type { IdentityConfig } from '@tunnel/config'
import type { Interceptor, Overlay, TableSource } from '@tunnel/core'
import { createTunneler } from '@tunnel/core'
import { openOverlay } from '@tunnel/edge'
import type { Milliseconds } from '@tunnel/flow'
import { loadIdentities } from './identities.ts'
import type { Running } from './lifetime.ts'
import type { Session } from './session.ts'

export interface Composition {
  /** Absent: nothing is intercepted, only hosted. */
  readonly interceptor?: Interceptor | undefined
  readonly table?: TableSource
}

/** Time that open connections have to end by themselves at a stop, out of the 5 s that a stop may take. */
const grace: Milliseconds = 3_000

/** Joins identities, overlays and a tunneler, and starts it. Identities are read first: a bad one starts nothing. */
export async function startTunneler(session: Session, compose: () => Promise<Composition>): Promise<Running> {
  const identities = await loadIdentities(session)
  const { interceptor, table } = await compose()
  const overlays = await Promise.all(identities.map((identity) => openIdentity(session, identity)))
  const tunneler = createTunneler({ overlays, log: session.log, ...(interceptor && { interceptor }), ...(table && { table }) })
  tunneler.start()
  return {
    async stop() {
      await tunneler.stop(grace)
      await Promise.all(overlays.map((overlay) => overlay.close()))
    },
  }
}

/** Does not wait for the controller: one that cannot be reached must not keep other identities from working. */
async function openIdentity({ options, log }: Session, identity: IdentityConfig): Promise<Overlay> {
  const { pollInterval, connectionsPerRouter } = options
  return openOverlay({ identity, log, svcPollRate: pollInterval, ...(connectionsPerRouter && { channelsPerRouter: connectionsPerRouter }) })
}
