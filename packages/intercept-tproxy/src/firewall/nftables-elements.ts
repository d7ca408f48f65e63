import { addElements, deleteElements, type NftChange, type NftSet, type SetElement } from '@tunnel/linux'
import { formatAddress, type AddressRange } from '../address/prefix.ts'
import type { Box } from '../boxes/box.ts'
import type { LingeringFlow } from '../flows/live-flows.ts'
import { nftSets } from './nftables-rules.ts'

/** Boxes and flows as elements of their sets, one change for each set that is concerned. */
export function elementChanges(how: 'add' | 'delete', boxes: readonly Box[], flows: readonly LingeringFlow[]): NftChange[] {
  const elements = new Map<NftSet, SetElement[]>()
  const put = (set: NftSet, element: SetElement): void => {
    const present = elements.get(set)
    if (present) present.push(element)
    else elements.set(set, [element])
  }
  for (const box of boxes) put(nftSets[box.from ? 'from' : 'to'][box.to.family], elementOfBox(box))
  for (const flow of flows) put(nftSets.lingering[flow.family], elementOfFlow(flow))
  const change = how === 'add' ? addElements : deleteElements
  return [...elements].map(([set, list]) => change(set, list))
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

