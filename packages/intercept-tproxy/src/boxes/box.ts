import { missingIn } from '@tunnel/core/contracts'
import { formatEndpoint, type Endpoint, type Protocol } from '@tunnel/flow'
import { contains, formatAddress, parsePrefix, type AddressRange } from '@tunnel/flow'
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

export interface Destination {
  readonly protocol: Protocol
  readonly to: Endpoint
}

/** Finds destinations in many boxes: those of a single address and port by their key, the others one by one. */
export function createBoxFinder(boxes: Iterable<Box>): (destination: Destination) => boolean {
  const keys = new Set<string>()
  const ranges: Box[] = []
  for (const box of boxes) {
    if (!box.from && box.to.low === box.to.high && box.ports.low === box.ports.high) keys.add(box.key)
    else ranges.push(box)
  }
  return ({ protocol, to }) => {
    if (keys.has(`${protocol} ${formatEndpoint(to)}`)) return true
    const address = ranges.length > 0 ? parsePrefix(to.address) : undefined
    return address !== undefined && ranges.some((box) => box.protocol === protocol && isWithin(box.ports, to.port) && contains(box.to, address))
  }
}

function isWithin({ low, high }: Interval, port: number): boolean {
  return low <= port && port <= high
}
