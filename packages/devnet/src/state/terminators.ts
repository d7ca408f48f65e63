import type { Terminator, TerminatorStore } from '../router/authority.ts'

/** A terminator with what only the controller knows of it. */
export type TerminatorRecord = Terminator & { readonly createdAt: number }

export interface Terminators extends TerminatorStore {
  list(serviceId: string): readonly TerminatorRecord[]
  removeOfService(serviceId: string): void
}

export function createTerminators(now: () => number): Terminators {
  const records = new Map<string, TerminatorRecord>()
  const list = (serviceId: string) => [...records.values()].filter((record) => record.serviceId === serviceId)
  return {
    list,
    add(terminator) {
      // The object itself is kept: routers update cost and precedence on it.
      records.set(terminator.id, Object.assign(terminator, { createdAt: now() }))
    },
    remove(id) { records.delete(id) },
    removeOfService(serviceId) {
      for (const record of list(serviceId)) records.delete(record.id)
    },
  }
}
