import type { Protocol } from '@tunnel/flow'
import { contains, overlaps, type AddressRange, type Prefix } from '@tunnel/flow'
import { createBox, type Box } from './box.ts'
import { subtract, unite, type Interval, type Intervals } from './intervals.ts'

/** What one service wants. The space of several may overlap in every way. */
export interface Wish {
  readonly to: Prefix
  readonly protocol: Protocol
  readonly ports: Interval
  readonly from?: Prefix
}

/**
 * The space of all wishes, without `holes`, as boxes that do not overlap: interval sets of nftables take no others. Boxes with
 * a source go to sets of their own, so they may overlap those without.
 *
 * Prefixes are nested or apart, never half in each other. So a box of an inner prefix only needs to leave out the
 * ports that an outer prefix has already; the outer one stays whole. The number of boxes never grows beyond the wishes'
 * (but for holes, and sources that cross), and one wish more changes few boxes.
 */
export function disjointBoxes(wishes: Iterable<Wish>, holes: readonly AddressRange[] = []): Box[] {
  const boxes: Box[] = []
  const outer: Node[] = []
  for (const node of nodesOf(wishes)) {
    for (let last = outer.at(-1); last && !contains(last.to, node.to); last = outer.at(-1)) outer.pop()
    const parts = cutOut(node.to, holes)
    const [part] = parts
    if (node.only && outer.length === 0 && part === node.to) boxes.push(boxOfWish(node.only))
    else if (parts.length > 0) {
      for (const { from, ports } of remainderOf(node, outer)) {
        for (const interval of ports) for (const to of parts) boxes.push(boxOf(to, interval, from))
      }
    }
    outer.push(node)
  }
  return boxes
}

/** All that is wanted of one prefix. */
interface Node {
  readonly to: Prefix
  /** Where that is one wish without a source, as of most services. */
  readonly only: Wish | undefined
  /** By source; what has none comes first. */
  readonly groups: readonly Group[]
}

interface Group {
  readonly from: AddressRange | undefined
  readonly ports: Intervals
}

/** Ports of both protocols on one line of numbers, with a gap between, so that tcp 65535 does not touch udp 0. */
const firstPort = { tcp: 0, udp: 131_072 } as const

function nodesOf(wishes: Iterable<Wish>): Node[] {
  const byPrefix = new Map<string, Wish[]>()
  for (const wish of wishes) {
    const present = byPrefix.get(wish.to.cidr)
    if (present) present.push(wish)
    else byPrefix.set(wish.to.cidr, [wish])
  }
  const nodes: Node[] = []
  for (const list of byPrefix.values()) {
    const [first] = list
    if (first) nodes.push({ to: first.to, only: list.length === 1 && !first.from ? first : undefined, groups: groupsOf(list) })
  }
  return nodes.sort(outerFirst)
}

function groupsOf(wishes: readonly Wish[]): Group[] {
  const groups = new Map<string, { from: Prefix | undefined; ports: Interval[] }>()
  for (const { protocol, ports, from } of wishes) {
    const source = from?.cidr ?? ''
    const interval = { low: firstPort[protocol] + ports.low, high: firstPort[protocol] + ports.high }
    const group = groups.get(source)
    if (group) group.ports.push(interval)
    else groups.set(source, { from, ports: [interval] })
  }
  return [...groups.values()].map(({ from, ports }) => ({ from, ports: unite(ports) }))
}

/** Wishes are immutable, and come again with every table. */
const remembered = new WeakMap<Wish, Box>()

function boxOfWish(wish: Wish): Box {
  let box = remembered.get(wish)
  if (!box) remembered.set(wish, (box = createBox(wish.protocol, wish.to, wish.ports)))
  return box
}

function outerFirst({ to: a }: Node, { to: b }: Node): number {
  if (a.family !== b.family) return a.family - b.family
  if (a.low !== b.low) return a.low < b.low ? -1 : 1
  return a.length - b.length
}

/** What of a node no other box has: neither one of an outer prefix, nor one of its own with a wider source. */
function remainderOf(node: Node, outer: readonly Node[]): Group[] {
  return node.groups.flatMap((group) => {
    let { ports } = group
    for (const { groups } of [...outer, node]) {
      for (const other of groups) if (other !== group && coversSource(other, group)) ports = subtract(ports, other.ports)
    }
    return group.from && ports.length > 0 ? withoutCrossing({ from: group.from, ports }, outer) : [{ from: group.from, ports }]
  })
}

function coversSource(outer: Group, inner: Group): boolean {
  if (!outer.from) return true
  return inner.from !== undefined && contains(outer.from, inner.from)
}

/** Outer prefix with a narrower source: only that part of the source is theirs. */
function withoutCrossing(whole: { from: AddressRange; ports: Intervals }, outer: readonly Node[]): Group[] {
  let pieces = [whole]
  for (const { from: theirs, ports } of outer.flatMap(({ groups }) => groups)) {
    if (!theirs) continue
    pieces = pieces.flatMap((piece) => {
      if (!overlaps(piece.from, theirs)) return [piece]
      const free = subtract(piece.ports, ports)
      const shared = subtract(piece.ports, free)
      if (shared.length === 0) return [piece]
      return [{ from: piece.from, ports: free }, ...cutOut(piece.from, [theirs]).map((from) => ({ from, ports: shared }))]
    })
  }
  return pieces
}

function cutOut(range: AddressRange, holes: readonly AddressRange[]): AddressRange[] {
  let parts = [range]
  for (const hole of holes) {
    if (overlaps(range, hole)) parts = parts.flatMap((part) => without(part, hole))
  }
  return parts
}

function without(part: AddressRange, hole: AddressRange): AddressRange[] {
  if (!overlaps(part, hole)) return [part]
  const { family, low, high } = part
  const below = hole.low > low ? [{ family, low, high: hole.low - 1n }] : []
  return hole.high < high ? [...below, { family, low: hole.high + 1n, high }] : below
}

function boxOf(to: AddressRange, interval: Interval, from: AddressRange | undefined): Box {
  const protocol = interval.low < firstPort.udp ? 'tcp' : 'udp'
  return createBox(protocol, to, { low: interval.low - firstPort[protocol], high: interval.high - firstPort[protocol] }, from)
}
