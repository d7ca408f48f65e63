import type { Figure } from '../table.ts'
import type { World } from '../world.ts'

/** One thing to measure: `pnpm bench NAME` runs it alone. */
export interface Scenario {
  readonly name: string
  /** Needs root, and namespaces of its own. */
  readonly intercepts?: boolean
  run(world: World): Promise<readonly Figure[]>
}
