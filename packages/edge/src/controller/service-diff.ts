import { isDeepStrictEqual } from 'node:util'
import type { EdgeService, EdgeServiceChange } from './types.ts'

/** What turns `before` into `after`, by id: removals first, so that a name given to another service is free again. */
export function diffServices(
  before: ReadonlyMap<string, EdgeService>, after: ReadonlyMap<string, EdgeService>,
): readonly EdgeServiceChange[] {
  const changes: EdgeServiceChange[] = []
  for (const [id, service] of before) if (!after.has(id)) changes.push({ kind: 'removed', service })
  for (const [id, service] of after) {
    const previous = before.get(id)
    if (previous === undefined) changes.push({ kind: 'added', service })
    else if (!isDeepStrictEqual(previous, service)) changes.push({ kind: 'changed', service, previous })
  }
  return changes
}
