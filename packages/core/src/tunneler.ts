import { CodedError, silentLog, systemClock } from '@tunnel/flow'
import type { Cancel, Clock, Log, Milliseconds } from '@tunnel/flow'
import type { Interceptor } from './contracts/interceptor.ts'
import type { Overlay } from './contracts/overlay.ts'
import { createDialer } from './dial/dialer.ts'
import type { Dialer } from './dial/dialer.ts'
import { routeOf } from './dial/route.ts'
import type { HostnameOf } from './dial/route.ts'
import { describeError } from './errors/describe-error.ts'
import { createFlowRegistry } from './flows/flow-registry.ts'
import type { FlowRegistry } from './flows/flow-registry.ts'
import type { HostDialer } from './host/host-dialer.ts'
import { createHosting } from './host/hosting.ts'
import type { Hosting } from './host/hosting.ts'
import { createSocketDialer } from './host/socket-dialer.ts'
import { createApplyLoop } from './intercept-table/apply-loop.ts'
import type { ApplyLoop } from './intercept-table/apply-loop.ts'
import type { TableSource } from './intercept-table/table-source.ts'
import { defaultLimits } from './limits.ts'
import type { Limits } from './limits.ts'
import { createCounters } from './metrics/counters.ts'
import type { Counters } from './metrics/counters.ts'
import { createServiceWatcher } from './services/service-watcher.ts'
import type { ServiceWatcher } from './services/service-watcher.ts'
import { statusOf } from './status.ts'
import type { TunnelerState, TunnelerStatus } from './status.ts'

export interface TunnelerOptions {
  /** One per identity. Where two have the same service, the first serves it. They are not closed by `stop`. */
  readonly overlays: readonly Overlay[]
  /** Absent: nothing is intercepted, only hosted. Closed by `stop`. */
  readonly interceptor?: Interceptor
  /** What to intercept. Default: nothing. */
  readonly table?: TableSource
  /** Offer the services that may be bound and have a host config. Default true. */
  readonly hosting?: boolean
  /** How hosting reaches servers. Default: sockets of this host. */
  readonly hostDialer?: HostDialer
  /** DNS name by which a client means an address: for templates, AppData and wildcard services. */
  readonly hostnameOf?: HostnameOf
  readonly limits?: Partial<Limits>
  readonly log?: Log
  readonly clock?: Clock
}

export interface Tunneler {
  /** Begins to watch services, intercept and host. Once; a second call throws `tunnel.not-idle`. */
  start(): void
  /**
   * Orderly: no new flows, listeners closed, bindings withdrawn, flows may finish within `grace` (default 5 s), the rest
   * is reset. A second call with a shorter grace shortens it: `stop(0)` resets at once. Resolves when all is done,
   * and half a second after the grace at the latest.
   */
  stop(grace?: Milliseconds): Promise<void>
  /** What a name stands for has changed: gives the interceptor its table again. Nothing before `start` and after `stop`. */
  refresh(): void
  status(): TunnelerStatus
  readonly counters: Counters
}

const DEFAULT_GRACE: Milliseconds = 5_000
/** What an interceptor or an overlay that hangs may cost on top. */
const LAST_MOMENT: Milliseconds = 500

/** The engine that joins overlays with an interceptor: services in, intercept table out; requests dialled and joined. */
export function createTunneler(options: TunnelerOptions): Tunneler {
  const { overlays, clock = systemClock, log = silentLog } = options
  const limits = { ...defaultLimits, ...options.limits }
  const counters = createCounters()
  const registry = createFlowRegistry({ clock, counters })
  let state: TunnelerState = 'idle'
  let parts: Parts | undefined
  let stopped: Promise<void> | undefined

  return {
    counters,
    start() {
      if (state !== 'idle') throw new CodedError('tunnel.not-idle', `the tunneler cannot be started: it is ${state}`)
      state = 'running'
      parts = createParts({ ...options, clock, log, limits, counters, registry })
    },
    async stop(grace = DEFAULT_GRACE) {
      if (state !== 'stopped') state = 'stopping'
      stopped ??= windDown(parts, registry, log)
      // Each call arms its own cut: the shortest grace of all counts.
      const cutOff = (): void => registry.resetAll(new CodedError('tunnel.stopped', 'the tunneler was stopped'))
      if (grace <= 0) cutOff()
      const cancelCut = clock.after(grace, cutOff)
      const finished = await withDeadline(stopped, clock, grace + LAST_MOMENT)
      cancelCut()
      if (!finished) log('warn', 'core/tunneler.stop', 'interceptor or network did not let go in time; leaving them')
      state = 'stopped'
    },
    refresh() {
      if (state === 'running') parts?.applyLoop?.changed()
    },
    status: () => statusOf({ state, overlays, registry, counters, ...parts }),
  }
}

/** True when `work` ended within `span`. */
async function withDeadline(work: Promise<void>, clock: Clock, span: Milliseconds): Promise<boolean> {
  let cancel: Cancel = () => {}
  const deadline = new Promise<boolean>((resolve) => (cancel = clock.after(span, () => resolve(false))))
  const finished = await Promise.race([work.then(() => true), deadline])
  cancel()
  return finished
}

interface Parts {
  readonly watcher: ServiceWatcher
  readonly dialer: Dialer
  readonly interceptor: Interceptor | undefined
  readonly hosting: Hosting | undefined
  readonly applyLoop: ApplyLoop | undefined
}

type PartsOptions = TunnelerOptions & {
  readonly clock: Clock
  readonly log: Log
  readonly limits: Limits
  readonly counters: Counters
  readonly registry: FlowRegistry
}

function createParts(options: PartsOptions): Parts {
  const { overlays, interceptor, table = {}, hostnameOf, clock, log, limits, counters, registry } = options
  const hostDialer = options.hostDialer ?? createSocketDialer()
  const hosting = options.hosting === false ? undefined : createHosting({ ...options, dialer: hostDialer })
  const dialer = createDialer({
    route: (request, hostname) => routeOf(request, watcher.directory, watcher.built.routes, hostname),
    hostnameOf,
    limits,
    registry,
    counters,
    clock,
    log,
  })
  const applyLoop = interceptor && createApplyLoop({ interceptor, wanted: () => watcher.built.table, clock, counters, log })
  interceptor?.onRequest((request) => dialer.handle(request))
  const watcher = createServiceWatcher({ overlays, source: table, hosting, changed: () => applyLoop?.changed(), log })
  return { watcher, dialer, interceptor, hosting, applyLoop }
}

/** In order: nothing new comes in, nothing new is asked for, then what lives may finish. */
async function windDown(parts: Parts | undefined, registry: FlowRegistry, log: Log): Promise<void> {
  if (!parts) return
  const { watcher, dialer, interceptor, hosting, applyLoop } = parts
  watcher.close()
  dialer.close()
  const closing = [applyLoop?.close().then(() => interceptor?.close()), hosting?.close()]
  for (const result of await Promise.allSettled([...closing, registry.whenEmpty()])) {
    if (result.status === 'rejected') log('warn', 'core/tunneler.stop', describeError(result.reason))
  }
}
