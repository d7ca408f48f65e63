import type { IdentityConfig } from '@tunnel/config'
import type { HostDialer, HostnameOf, Interceptor, TableSource, Tunneler } from '@tunnel/core'
import { createTunneler } from '@tunnel/core'
import type { NetworkPath, OverlayOptions } from '@tunnel/edge'
import { openOverlay } from '@tunnel/edge'
import type { LogFields, Milliseconds } from '@tunnel/flow'
import { isCodedError } from '@tunnel/flow'
import type { PcapTap } from '@tunnel/netstack'
import { loadIdentities } from './identities.ts'
import { returnMemoryWhenIdle } from './idle-memory.ts'
import type { LateOverlay } from './late-overlay.ts'
import { createLateOverlay, firstOpened } from './late-overlay.ts'
import type { Running } from './lifetime.ts'
import type { Session } from './session.ts'
import type { HostStatus } from './status/instance-status.ts'
import { instanceStatusOf } from './status/instance-status.ts'
import { serveStatus } from './status/status-server.ts'
import { readVersion } from './version.ts'

/** What a tunneler is made of, beside its overlays. */
export interface Composition {
  /** Absent: nothing is intercepted, only hosted. */
  readonly interceptor?: Interceptor
  readonly table?: TableSource
  /** Offer what the identities may bind. Default true. */
  readonly hosting?: boolean
  readonly hostnameOf?: HostnameOf
  readonly hostDialer?: HostDialer
  /** Of a stack of ours, for `capture`. */
  readonly tap?: PcapTap
  /** The tunneler runs. */
  started?(tunneler: Tunneler): void
  /** What `status` shows of the mode. */
  status?(): HostStatus
}

/** The side of the tunneler that faces this host. */
export interface HostSide {
  /** How overlays reach controllers and routers. */
  readonly path?: NetworkPath
  /** Called once, while the identities log in. */
  open(): Promise<Composition>
  /** Gives back what must not outlive the interceptor, before open connections are waited for. */
  stopping?(): Promise<void>
  /** The end, also of a start that failed half-way. */
  close(): Promise<void>
}

/** For modes that leave this host as it is. */
export function openAlone(composition: Composition): HostSide {
  return { open: async () => composition, close: async () => {} }
}

/** Time that open connections have to end by themselves at a stop, out of the 5 s that a stop may take. */
const grace: Milliseconds = 3_000

/** Joins identities, overlays and a tunneler, and starts it. Identities are read first: a bad one starts nothing. */
export async function startTunneler(session: Session, signal: AbortSignal, prepare: () => HostSide): Promise<Running> {
  const identities = await loadIdentities(session)
  const side = prepare()
  const overlays = openOverlays(session, identities, { ...side.path, warmUp: session.command !== 'host' })
  const composition = await openBoth(side, overlays, signal)
  const { log } = session
  const tunneler = createTunneler({ ...composition, overlays, log })
  tunneler.start()
  composition.started?.(tunneler)
  const status = serveStatus(session, () => instanceStatusOf(session, tunneler, composition.status?.()), composition.tap)
  const { counters } = tunneler
  const opened = (): number => counters.get('flows.opened')
  const live = (): number => opened() - counters.get('flows.closed') - counters.get('flows.failed')
  const stopCollecting = returnMemoryWhenIdle({ opened, live })
  return {
    async stop() {
      stopCollecting()
      const { length: flows } = tunneler.status().flows
      const source = 'ziti-tunnel/compose.stop'
      if (flows > 0) log('info', source, 'waiting for open connections; a second signal stops at once', { flows, milliseconds: grace })
      await Promise.all([status.close(), side.stopping?.()])
      await tunneler.stop(grace)
      await Promise.all([closeAll(overlays), side.close()])
    },
  }
}

/** `warmUp`: a router is connected before the first dial. Who only hosts, or only looks, needs none. */
type OverlayPath = NetworkPath & Pick<OverlayOptions, 'warmUp'>

/** The identities that the options name, logging in: for tunnelers, and for who only wants to know their services. */
export function openOverlays(session: Session, identities: readonly IdentityConfig[], path: OverlayPath): LateOverlay[] {
  const several = identities.length > 1
  const overlays = identities.map((identity) => openIdentity(session, identity, path, several ? { identity: identity.source } : {}))
  if (several) for (const { opened, name } of overlays) opened.catch((error: unknown) => reportRefusal(session, name, error))
  return overlays
}

export const closeAll = async (overlays: readonly LateOverlay[]): Promise<void> =>
  void (await Promise.all(overlays.map((overlay) => overlay.close())))

/** Logs in and makes this host ready at the same time. What fails first closes all. */
async function openBoth(side: HostSide, overlays: readonly LateOverlay[], signal: AbortSignal): Promise<Composition> {
  const giveUp = (): void => void closeAll(overlays)
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp)
  const opening = side.open()
  try {
    const [composition] = await Promise.all([opening, firstOpened(overlays)])
    signal.throwIfAborted()
    return composition
  } catch (error) {
    const [composition] = await Promise.all([opening.catch(() => undefined), closeAll(overlays)])
    await composition?.interceptor?.close()
    await side.close()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

const openSource = 'ziti-tunnel/compose.openIdentity'

/** With several identities each line of one of them carries its name: `known`. */
function openIdentity({ options, log }: Session, identity: IdentityConfig, path: OverlayPath, known: LogFields): LateOverlay {
  return createLateOverlay(identity.source, async (signal) => {
    const overlay = await openOverlay({
      ...path,
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
