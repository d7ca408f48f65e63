import { type ApplyReport, type Claim, holesOf, type InterceptTable, ownPrefixes, resolveTable } from '@tunnel/core/contracts'
import type { Prefix } from '@tunnel/flow'
import { byKey, type Box } from '../boxes/box.ts'
import { disjointBoxes, type Wish } from '../boxes/disjoint.ts'
import type { HostAddresses } from '../host/host-addresses.ts'
import { wishesOf } from './claim-wishes.ts'

/** What is to be intercepted, in every shape that the host wants it in. */
export interface Target {
  /** By `describeClaim`. */
  readonly claims: ReadonlyMap<string, Claim>
  /** By `boxKey`. */
  readonly boxes: ReadonlyMap<string, Box>
  readonly host: HostAddresses
  readonly own: readonly Prefix[]
}

export interface TargetOptions {
  readonly addressesOf: (name: string) => readonly string[]
  readonly host: HostAddresses
}

export interface ResolvedTarget {
  readonly target: Target
  readonly failed: ApplyReport['failed']
  readonly notes: readonly string[]
}

/** Pure: from nothing but its arguments. */
export function resolveTarget(table: InterceptTable, { addressesOf, host }: TargetOptions): ResolvedTarget {
  const own = ownPrefixes(host.own)
  const { claims, failed, notes } = resolveTable(table, { kind: 'tproxy', addressesOf, own, ipv6: host.ipv6 })
  return { target: targetOf(claims, host), failed, notes }
}

export function targetOf(claims: ReadonlyMap<string, Claim>, host: HostAddresses): Target {
  const own = ownPrefixes(host.own)
  const wishes: Wish[] = []
  for (const claim of claims.values()) wishes.push(...wishesOf(claim))
  return { claims, boxes: byKey(disjointBoxes(wishes, holesOf(own))), host, own }
}
