import { addElements, deleteElements, type NftChange, type NftSet, type SetElement } from '@tunnel/linux'
import { formatAddress, type AddressRange } from '@tunnel/flow'
import { compareBoxes, type Box } from '../boxes/box.ts'
import type { LingeringFlow } from '../flows/live-flows.ts'
import { nftSets } from './nftables-rules.ts'

/**
 * In a set of ranges of 10,000 elements the kernel takes 0.4 ms to remove one, more than a second for all (be it by a flush), and 150 ms to
 * build it: what loses more than this is made anew.
 */
const removalsAtMost = 32

export interface BoxElements {
  /** Sets to be made anew, without elements, by who knows the rules that look them up. */
  readonly renewed: readonly NftSet[]
  /** What then leads to the elements of the boxes. */
  readonly changes: readonly NftChange[]
}

/** What leads from the elements of some boxes to those of others. */
export function boxChanges(before: ReadonlyMap<string, Box>, after: ReadonlyMap<string, Box>): BoxElements {
  const { added, removed } = compareBoxes(before, after)
  const fresh = bySet(added)
  const gone = bySet(removed)
  const renewed = [...gone].filter(([set, boxes]) => set.interval === true && boxes.length > removalsAtMost).map(([set]) => set)
  if (renewed.length > 0) for (const [set, boxes] of bySet(after.values())) if (renewed.includes(set)) fresh.set(set, boxes)
  return {
    renewed,
    changes: [
      ...[...gone].flatMap(([set, boxes]) => (renewed.includes(set) ? [] : [deleteElements(set, boxes.map(elementOfBox))])),
      ...[...fresh].map(([set, boxes]) => addElements(set, boxes.map(elementOfBox))),
    ],
  }
}

export function flowChanges(how: typeof addElements | typeof deleteElements, flows: readonly LingeringFlow[]): NftChange[] {
  return [...grouped(flows, ({ family }) => nftSets.lingering[family])].map(([set, list]) => how(set, list.map(elementOfFlow)))
}

function bySet(boxes: Iterable<Box>): Map<NftSet, Box[]> {
  return grouped(boxes, (box) => nftSets[kindOf(box)][box.to.family])
}

function grouped<T>(values: Iterable<T>, setOf: (value: T) => NftSet): Map<NftSet, T[]> {
  const groups = new Map<NftSet, T[]>()
  for (const value of values) {
    const set = setOf(value)
    const group = groups.get(set)
    if (group) group.push(value)
    else groups.set(set, [value])
  }
  return groups
}

function kindOf({ to, ports, from }: Box): 'exact' | 'to' | 'from' {
  if (from) return 'from'
  return to.low === to.high && ports.low === ports.high ? 'exact' : 'to'
}

function elementOfBox({ to, protocol, ports, from }: Box): SetElement {
  const destination = [rangeOf(to), protocol, ports.low === ports.high ? ports.low : { from: ports.low, to: ports.high }]
  return from ? [...destination, rangeOf(from)] : destination
}

function elementOfFlow({ protocol, from, to }: LingeringFlow): SetElement {
  return [from.address, protocol, from.port, to.address, to.port]
}

function rangeOf({ family, low, high }: AddressRange): string | { from: string; to: string } {
  return low === high ? formatAddress(family, low) : { from: formatAddress(family, low), to: formatAddress(family, high) }
}
