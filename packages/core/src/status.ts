import type { Protocol } from '@tunnel/flow'
import type { WantedIntercept, WantedListener } from './contracts/interceptor.ts'
import type { Overlay } from './contracts/overlay.ts'
import { describeError } from './errors/describe-error.ts'
import type { FlowRegistry, FlowSnapshot } from './flows/flow-registry.ts'
import type { HostedStatus } from './host/hosted-terminator.ts'
import type { Hosting } from './host/hosting.ts'
import type { ApplyLoop } from './intercept-table/apply-loop.ts'
import type { Counters } from './metrics/counters.ts'
import type { ServiceWatcher } from './services/service-watcher.ts'

export type TunnelerState = 'idle' | 'running' | 'stopping' | 'stopped'

/** A tunneler at one moment, as plain data: it can be printed as JSON. */
export interface TunnelerStatus {
  readonly state: TunnelerState
  readonly identities: readonly { readonly id: string; readonly name: string; readonly services: number }[]
  /** Wanted and not failed, unless `failed` says so. */
  readonly listeners: readonly WantedListener[]
  /** Services that are intercepted by their addresses. */
  readonly intercepts: readonly InterceptStatus[]
  /** Named services that are not available yet. */
  readonly waiting: readonly string[]
  /** By service: why its config cannot be used, or why the interceptor could not do what is wanted. */
  readonly failed: Readonly<Record<string, string>>
  readonly hosted: readonly HostedStatus[]
  readonly flows: readonly FlowSnapshot[]
  readonly counters: Readonly<Record<string, number>>
}

/** One intercept of one service, as its config says it. */
export interface InterceptStatus {
  readonly service: string
  readonly protocols: readonly Protocol[]
  /** `web.ziti`, `*.ziti`, `10.0.0.0/8`. */
  readonly addresses: readonly string[]
  /** `443`, `1-1024`. */
  readonly ports: readonly string[]
}

export interface StatusSources {
  readonly state: TunnelerState
  readonly overlays: readonly Overlay[]
  readonly registry: FlowRegistry
  readonly counters: Counters
  readonly watcher?: ServiceWatcher
  readonly hosting?: Hosting | undefined
  readonly applyLoop?: ApplyLoop | undefined
}

export function statusOf({ state, overlays, registry, counters, watcher, hosting, applyLoop }: StatusSources): TunnelerStatus {
  return {
    state,
    identities: overlays.map(({ identity, services }) => ({ id: identity.id, name: identity.name, services: services.size })),
    listeners: watcher?.built.table.listeners ?? [],
    intercepts: (watcher?.built.routes ?? []).map(describeIntercept),
    waiting: watcher?.built.waiting ?? [],
    failed: { ...Object.fromEntries((watcher?.built.failed ?? []).map(({ service, error }) => [service, describeError(error)])), ...Object.fromEntries(applyLoop?.failures ?? []) },
    hosted: hosting?.status() ?? [],
    flows: registry.snapshot(),
    counters: counters.snapshot(),
  }
}

function describeIntercept({ service, intercept }: WantedIntercept): InterceptStatus {
  const { protocols, addresses, portRanges } = intercept
  return {
    service: service.name,
    protocols,
    addresses: addresses.map(({ text }) => text),
    ports: portRanges.map(({ low, high }) => (low === high ? `${low}` : `${low}-${high}`)),
  }
}
