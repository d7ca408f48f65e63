import type { Service } from '@tunnel/config'
import { systemClock } from '@tunnel/flow'
import type { Clock, Milliseconds } from '@tunnel/flow'
import type { Overlay, OverlayIdentity, ServiceChange } from '../contracts/overlay.ts'
import { MemoryOverlay } from './memory-overlay.ts'
import type { Terminator } from './memory-overlay.ts'

export interface MemoryNetworkOptions {
  /** Time for dial time-outs. Default: the system's. */
  readonly clock?: Clock
  /** Of dials that name no time. Default 5 s. */
  readonly dialTimeout?: Milliseconds
}

/** What differs from a plain service: name alone makes one that is encrypted, and that everybody may dial and bind. */
export type ServiceFacts = Partial<Service> & { readonly name: string }

/**
 * An overlay network in memory: identities that share services, terminators with instances, cost and precedence,
 * refusals and time-outs. For tests of tunnelers and of programs that take an `Overlay`. Nothing is encrypted.
 */
export interface MemoryNetwork {
  /** A new identity. It sees every service, with the service's permissions. */
  createIdentity(name: string, facts?: Partial<OverlayIdentity>): Overlay
  /** Adds a service, or changes the one of that name. */
  addService(service: ServiceFacts): Service
  removeService(name: string): void
  /** Ends every identity. */
  close(): Promise<void>
}

export function createMemoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  const shared: SharedState = {
    clock: options.clock ?? systemClock,
    dialTimeout: options.dialTimeout ?? 5_000,
    services: new Map(),
    terminators: new Set(),
    nextCircuit: 1,
  }
  const overlays: MemoryOverlay[] = []
  const tell = (change: ServiceChange): void => overlays.forEach((overlay) => overlay.tell(change))

  return {
    createIdentity(name, facts = {}) {
      const overlay = new MemoryOverlay(shared, { ...plainIdentity(name), ...facts })
      overlays.push(overlay)
      return overlay
    },
    addService(facts) {
      const previous = shared.services.get(facts.name)
      const service = { ...(previous ?? plainService(facts.name)), ...facts }
      shared.services.set(service.name, service)
      tell(previous ? { kind: 'changed', service, previous } : { kind: 'added', service })
      return service
    },
    removeService(name) {
      const service = shared.services.get(name)
      if (!service) return
      shared.services.delete(service.name)
      tell({ kind: 'removed', service })
    },
    close: async () => void (await Promise.all(overlays.map((overlay) => overlay.close()))),
  }
}

/** What the identities of one network have in common. */
export interface SharedState {
  readonly clock: Clock
  readonly dialTimeout: Milliseconds
  /** By name. */
  readonly services: Map<string, Service>
  readonly terminators: Set<Terminator>
  nextCircuit: number
}

function plainService(name: string): Service {
  return { id: `id-of-${name}`, name, encryptionRequired: true, permissions: ['Dial', 'Bind'], config: {} }
}

function plainIdentity(name: string): OverlayIdentity {
  return {
    id: `id-of-${name}`,
    name,
    appData: {},
    defaultHostingCost: 0,
    defaultHostingPrecedence: 'default',
    serviceHostingCosts: {},
    serviceHostingPrecedences: {},
  }
}
