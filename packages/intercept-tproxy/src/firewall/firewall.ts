import type { Claim } from '@tunnel/core/contracts'
import type { Prefix } from '@tunnel/flow'
import type { Box } from '../boxes/box.ts'
import type { LingeringFlow } from '../flows/live-flows.ts'
import type { FirewallForm } from '../wanted/routing.ts'

/** What is to reach us, in both shapes. */
export interface FirewallTarget {
  /** By `describeClaim`. */
  readonly claims: ReadonlyMap<string, Claim>
  /** The same space without overlaps and without this host's addresses, by `boxKey`. */
  readonly boxes: ReadonlyMap<string, Box>
  /** Addresses of this host. */
  readonly own: readonly Prefix[]
  readonly lingering: readonly LingeringFlow[]
}

export const emptyTarget: FirewallTarget = { claims: new Map(), boxes: new Map(), own: [], lingering: [] }

/** Where our listeners are. */
export interface ListenerPorts {
  readonly v4: number
  readonly v6: number | undefined
}

/** The rules that give packets to our sockets. */
export interface Firewall {
  readonly form: FirewallForm
  /** Leads from the target before to this one, at one instant or not at all. */
  update(target: FirewallTarget): Promise<void>
  /** Looks whether the rules still are what we made, and makes them so again. True when they were not. */
  repair(): Promise<boolean>
  /** Removes everything. */
  close(): Promise<void>
}
