import type { IdentityConfig } from '@tunnel/config'
import type { Interceptor, TableSource } from '@tunnel/core'
import { createTunneler } from '@tunnel/core'
import { openOverlay } from '@tunnel/edge'
import type { LogFields, Milliseconds } from '@tunnel/flow'
import { isCodedError } from '@tunnel/flow'
import { loadIdentities } from './identities.ts'
import { returnMemoryWhenIdle } from './idle-memory.ts'
import type { LateOverlay } from './late-overlay.ts'
import { createLateOverlay, firstOpened } from './late-overlay.ts'
import type { Running } from './lifetime.ts'
import type { Session } from './session.ts'
import { readVersion } from './version.ts'

export interface Composition {
  /** Absent: nothing is intercepted, only hosted. */
  readonly interceptor?: Interceptor
  readonly table?: TableSource
}

/** Time that open connections have to end by themselves at a stop, out of the 5 s that a stop may take. */
const grace: Milliseconds = 3_000

/** Joins identities, overlays and a tunneler, and starts it. Identities are read first: a bad one starts nothing. */
export async function startTunneler(session: Session, signal: AbortSignal, compose: () => Promise<Composition>): Promise<Running> {
  const identities = await loadIdentities(session)
  const { interceptor, table } = await compose()
  signal.throwIfAborted()
  const several = identities.length > 1
  const overlays = identities.map((identity) => openIdentity(session, identity, several ? { identity: identity.source } : {}))
  if (several) for (const { opened, name } of overlays) opened.catch((error: unknown) => reportRefusal(session, name, error))
  const closeAll = async (): Promise<void> => void (await Promise.all(overlays.map((overlay) => overlay.close())))
  const giveUp = (): void => void closeAll()
  signal.addEventListener('abort', giveUp)
  try {
    await firstOpened(overlays)
  } catch (error) {
    await Promise.all([closeAll(), interceptor?.close()])
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
  const tunneler = createTunneler({ overlays, interceptor, table, log: session.log })
  tunneler.start()
  const { counters } = tunneler
  const opened = (): number => counters.get('flows.opened')
  const live = (): number => opened() - counters.get('flows.closed') - counters.get('flows.failed')
  const stopCollecting = returnMemoryWhenIdle({ opened, live })
  return {
    async stop() {
      stopCollecting()
      const { length: flows } = tunneler.status().flows
      const source = 'ziti-tunnel/compose.stop'
      if (flows > 0) session.log('info', source, 'waiting for open connections; a second signal stops at once', { flows, milliseconds: grace })
      await tunneler.stop(grace)
      await closeAll()
    },
  }
}

const openSource = 'ziti-tunnel/compose.openIdentity'

/** With several identities each line of one of them carries its name: `known`. */
function openIdentity({ options, log }: Session, identity: IdentityConfig, known: LogFields): LateOverlay {
  return createLateOverlay(identity.source, async (signal) => {
    const overlay = await openOverlay({
      identity,
      pollInterval: options.pollInterval,
      channelsPerRouter: options.connectionsPerRouter,
      proxy: options.proxy,
      application: { appId: 'ziti-tunnel', appVersion: readVersion() },
      log: (severity, source, message, fields) => log(severity, source, message, { ...known, ...fields }),
      signal,
    })
    log('info', openSource, `logged in as ${overlay.identity.name}`, { ...known, services: overlay.services.size })
    return overlay
  })
}

/** Of one among several; a single one ends the program, which says it then. */
function reportRefusal({ log }: Session, identity: string, error: unknown): void {
  if (isCodedError(error, 'overlay.closed')) return // we are stopping
  log('error', openSource, error instanceof Error ? error.message : String(error), { identity })
}
