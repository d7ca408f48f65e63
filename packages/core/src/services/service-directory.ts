import type { Service } from '@tunnel/config'
import type { Overlay, ServiceChange, Unsubscribe } from '../contracts/overlay.ts'

/** A service and the identity by which it is reached. */
export interface OwnedService {
  readonly overlay: Overlay
  readonly service: Service
}

/**
 * The services of all identities in one view. Where two identities have the same service, the one that was given
 * first serves it.
 */
export interface ServiceDirectory {
  /** In order of identity. */
  all(): OwnedService[]
  /** The service of that name that may be dialled. */
  dialable(name: string): OwnedService | undefined
  close(): void
}

export function createServiceDirectory(
  overlays: readonly Overlay[],
  changed: (overlay: Overlay, change: ServiceChange) => void,
): ServiceDirectory {
  const byName = new Map<Overlay, Map<string, Service>>()
  const subscriptions: Unsubscribe[] = []

  for (const overlay of overlays) {
    const services = new Map<string, Service>()
    byName.set(overlay, services)
    subscriptions.push(
      overlay.watch((change) => {
        if (change.previous) services.delete(change.previous.name)
        if (change.kind === 'removed') services.delete(change.service.name)
        else services.set(change.service.name, change.service)
        changed(overlay, change)
      }),
    )
  }

  return {
    all: () => [...byName].flatMap(([overlay, services]) => [...services.values()].map((service) => ({ overlay, service }))),
    dialable(name) {
      for (const [overlay, services] of byName) {
        const service = services.get(name)
        if (service?.permissions.includes('Dial')) return { overlay, service }
      }
      return undefined
    },
    close: () => subscriptions.splice(0).forEach((unsubscribe) => unsubscribe()),
  }
}
