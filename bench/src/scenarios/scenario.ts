import type { Figure } from '../table.ts'
import type { World } from '../world.ts'

/** One thing to measure: `pnpm bench NAME` runs it alone. */
export interface Scenario {
  readonly name: string
  run(world: World): Promise<readonly Figure[]>
}
