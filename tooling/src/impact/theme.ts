import type { DeviceOptions, Lab } from './lab.ts'

/** One behaviour, spoken with the device under test. What it expects holds for our stack and for the kernel, unless it says otherwise. */
export interface Case {
  readonly title: string
  readonly options?: DeviceOptions
  run(lab: Lab): Promise<void>
}

/** A theme of packetimpact: what its test of that name is about. */
export interface Theme {
  readonly name: string
  /** Where the two differ, and why; absent where they agree. */
  readonly differs?: string
  readonly cases: readonly Case[]
}
