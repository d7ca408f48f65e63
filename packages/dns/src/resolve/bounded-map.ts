/** A map that forgets what was not used for the longest: it holds at most so many entries, and at most so much weight. */
export interface BoundedMap<Value> {
  /** Counts as use. */
  get(key: string): Value | undefined
  set(key: string, value: Value, weight: number): void
  delete(key: string): void
  clear(): void
  readonly size: number
  readonly weight: number
}

export function createBoundedMap<Value>(most: { readonly entries: number; readonly weight: number }): BoundedMap<Value> {
  // A map keeps the order of insertion; what is used is inserted anew.
  const slots = new Map<string, { readonly value: Value; readonly weight: number }>()
  let total = 0

  const remove = (key: string): void => {
    const slot = slots.get(key)
    if (!slot) return
    slots.delete(key)
    total -= slot.weight
  }

  return {
    get(key) {
      const slot = slots.get(key)
      if (!slot) return undefined
      slots.delete(key)
      slots.set(key, slot)
      return slot.value
    },
    set(key, value, weight) {
      remove(key)
      if (weight > most.weight || most.entries < 1) return
      slots.set(key, { value, weight })
      total += weight
      for (const oldest of slots.keys()) {
        if (slots.size <= most.entries && total <= most.weight) break
        remove(oldest)
      }
    },
    delete: remove,
    clear() {
      slots.clear()
      total = 0
    },
    get size() {
      return slots.size
    },
    get weight() {
      return total
    },
  }
}
