import type { Service } from '@tunnel/config'
import type { EdgeServiceChange, ServicePoller, Unsubscribe } from './controller/types.ts'

/** Has the shape of core's `ServiceChange`. */
export interface ServiceChange {
  readonly kind: 'added' | 'changed' | 'removed'
  readonly service: Service
  readonly previous?: Service
}

/** The services by name, always in step with what watchers were told. */
export class ServiceDirectory {
  readonly services = new Map<string, Service>()
  readonly #poller: ServicePoller
  readonly #watches = new Set<Unsubscribe>()
  #closed = false

  constructor(poller: ServicePoller) {
    this.#poller = poller
    // The first to watch, so that the map is right when the others hear of a change.
    this.#watches.add(poller.watch((change) => this.#apply(change)))
  }

  watch(listener: (change: ServiceChange) => void): Unsubscribe {
    if (this.#closed) return () => {}
    const unsubscribe = this.#poller.watch((change) => {
      if (!this.#closed) listener(change)
    })
    this.#watches.add(unsubscribe)
    return () => {
      unsubscribe()
      this.#watches.delete(unsubscribe)
    }
  }

  close(): void {
    this.#closed = true
    for (const unsubscribe of this.#watches) unsubscribe()
    this.#watches.clear()
  }

  #apply({ service, previous }: EdgeServiceChange): void {
    for (const name of new Set([service.name, previous?.name ?? service.name])) {
      const present = this.#poller.byName(name)
      if (present) this.services.set(name, present)
      else this.services.delete(name)
    }
  }
}
