import type { Protocol } from '@tunnel/flow'
import { contains, formatAddress, type AddressRange } from '../address/prefix.ts'
import { missingIn } from '../missing-in.ts'
import type { Interval } from './intervals.ts'

/** Destinations that are intercepted: every address, with every port, of one protocol. */
export interface Box {
  readonly to: AddressRange
  readonly protocol: Protocol
  readonly ports: Interval
  /** Only packets from these addresses; from everywhere when absent. */
  readonly from?: AddressRange
  /** Equal boxes have equal keys: `tcp 10.0.0.0-10.0.0.255:80-90`. */
  readonly key: string
}

export function createBox(protocol: Protocol, to: AddressRange, ports: Interval, from?: AddressRange): Box {
  return { to, protocol, ports, ...(from && { from }), key: keyOf(protocol, to, ports, from) }
}

function keyOf(protocol: Protocol, to: AddressRange, ports: Interval, from: AddressRange | undefined): string {
  const source = from ? ` from ${formatRange(from)}` : ''
  return `${protocol} ${formatRange(to)}:${ports.low === ports.high ? ports.low : `${ports.low}-${ports.high}`}${source}`
}

export interface BoxChanges {
  readonly added: readonly Box[]
  readonly removed: readonly Box[]
}

/** What leads from one list to the other. */
export function compareBoxes(before: ReadonlyMap<string, Box>, after: ReadonlyMap<string, Box>): BoxChanges {
  return { added: missingIn(before, after), removed: missingIn(after, before) }
}

export function byKey(boxes: Iterable<Box>): Map<string, Box> {
  const keyed = new Map<string, Box>()
  for (const box of boxes) keyed.set(box.key, box)
  return keyed
}

function formatRange({ family, low, high }: AddressRange): string {
  const address = family === 6 ? `[${formatAddress(family, low)}]` : formatAddress(family, low)
  if (low === high) return address
  return `${address}-${family === 6 ? `[${formatAddress(family, high)}]` : formatAddress(family, high)}`
}

/** Whether packets from anywhere to this address and port are in the box. */
export function isInBox({ protocol, to, ports }: Box, destination: { protocol: Protocol; address: AddressRange; port: number }): boolean {
  return protocol === destination.protocol && ports.low <= destination.port && destination.port <= ports.high && contains(to, destination.address)
}
