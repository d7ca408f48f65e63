import { callError } from '../ffi/call-error.ts'
import { AF_INET, AF_INET6 } from '../ffi/constants.ts'
import { CodedError } from '@tunnel/flow'
import { encodeAttributes, parseAttributes, readU32, u32, type Attribute } from './attribute.ts'
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from './ip-address.ts'
import { concatBytes } from './message.ts'

export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26

export type RouteType = 'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw'

/** One route, in the words of `ip route`. Routes over several next hops show neither device nor gateway. */
export interface Route {
  readonly family: 4 | 6
  /** `10.0.0.0/8`, an address, or `default`. */
  readonly destination: string
  /** `unicast` by default. */
  readonly type?: RouteType
  /** Name of the link. */
  readonly device?: string
  readonly gateway?: string
  /** The address that packets of this host take as their own. */
  readonly source?: string
  /** 254 (main) by default, 255 (local) for local routes. */
  readonly table?: number
  /** Lower is preferred. IPv6 routes get 1024 when none is given. */
  readonly metric?: number
  /** 0 universe, 253 link, 254 host; by default what `ip route` takes. The kernel ignores it for IPv6. */
  readonly scope?: number
  /** Who made it: 4 (static) by default, 2 is the kernel. */
  readonly protocol?: number
}

const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_PREFSRC = 7
const RTA_TABLE = 15
const RTA_MARK = 16
const RTM_F_LOOKUP_TABLE = 0x1000
const RTPROT_STATIC = 4
const routeHeaderBytes = 12
const typeNames: readonly RouteType[] = [
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
]

export const familyNumber = (family: 4 | 6): number => (family === 4 ? AF_INET : AF_INET6)
export const familyOf = (number: number | undefined): 4 | 6 | undefined =>
  number === AF_INET ? 4 : number === AF_INET6 ? 6 : undefined

export interface DeviceNames {
  indexOf(name: string): number
  nameOf(index: number): string | undefined
}

/** As it stands in the message that adds or removes it. Throws `linux.invalid` for what is no address or prefix. */
export function encodeRoute(route: Route, devices: DeviceNames): Uint8Array {
  const type = route.type ?? 'unicast'
  const table = tableOf(route)
  const prefix = destinationOf(route)
  const attributes: Attribute[] = [[RTA_TABLE, u32(table)]]
  if (prefix.length > 0) attributes.push([RTA_DST, prefix.bytes])
  if (route.device !== undefined) attributes.push([RTA_OIF, u32(devices.indexOf(route.device))])
  if (route.gateway !== undefined) attributes.push([RTA_GATEWAY, addressBytes(route.gateway, route.family)])
  if (route.source !== undefined) attributes.push([RTA_PREFSRC, addressBytes(route.source, route.family)])
  if (route.metric !== undefined) attributes.push([RTA_PRIORITY, u32(route.metric)])
  const header = new Uint8Array(routeHeaderBytes)
  header[0] = familyNumber(route.family)
  header[1] = prefix.length
  header[4] = table < 256 ? table : 0
  header[5] = route.protocol ?? RTPROT_STATIC
  header[6] = route.scope ?? defaultScope(route)
  header[7] = typeNames.indexOf(type) + 1
  return concatBytes([header, encodeAttributes(attributes)])
}

function tableOf(route: Route): number {
  return route.table ?? (route.type === 'local' ? 255 : 254)
}

// What iproute2 takes: host for local addresses, link for what needs no gateway.
function defaultScope({ type = 'unicast', gateway }: Route): number {
  if (type === 'local') return 254
  return type === 'unicast' && gateway === undefined ? 253 : 0
}

function destinationOf(route: Route): { bytes: Uint8Array; length: number } {
  if (route.destination === 'default') return { bytes: new Uint8Array(0), length: 0 }
  const prefix = parsePrefix(route.destination)
  if (prefix?.family === route.family) return prefix
  throw new CodedError('linux.invalid', `'${route.destination}' is not an IPv${route.family} address or prefix`)
}

export function addressBytes(text: string, family: 4 | 6): Uint8Array {
  const bytes = parseAddress(text)
  if (bytes?.length === (family === 4 ? 4 : 16)) return bytes
  throw new CodedError('linux.invalid', `'${text}' is not an IPv${family} address`)
}

/** A route of the kernel; `undefined` for other families and what cannot be read. */
export function parseRoute(payload: Uint8Array, devices: DeviceNames): Route | undefined {
  const family = familyOf(payload[0])
  const type = typeNames[(payload[7] ?? 0) - 1]
  const attributes = parseAttributes(payload.subarray(routeHeaderBytes))
  if (payload.length < routeHeaderBytes || !family || !type || !attributes) return undefined
  const size = family === 4 ? 4 : 16
  const address = (attribute: number): Uint8Array | undefined => {
    const bytes = attributes.get(attribute)
    return bytes?.length === size ? bytes : undefined
  }
  const text = (bytes: Uint8Array | undefined): string | undefined => bytes && formatAddress(bytes)
  const length = payload[1] ?? 0
  const index = readU32(attributes.get(RTA_OIF))
  return compact({
    family,
    destination: length === 0 ? 'default' : formatPrefix(address(RTA_DST) ?? new Uint8Array(size), length),
    type,
    device: index === undefined ? undefined : devices.nameOf(index),
    gateway: text(address(RTA_GATEWAY)),
    source: text(address(RTA_PREFSRC)),
    table: readU32(attributes.get(RTA_TABLE)) ?? payload[4] ?? 0,
    metric: readU32(attributes.get(RTA_PRIORITY)),
    scope: payload[6] ?? 0,
    protocol: payload[5] ?? 0,
  })
}

/** Without the keys that have no value. */
export function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as never
}

/** Asks for every route of a family, of one table if `table` is given. */
export function encodeRouteFilter(family: 4 | 6, table: number | undefined): Uint8Array {
  const header = new Uint8Array(routeHeaderBytes)
  header[0] = familyNumber(family)
  return table === undefined ? header : concatBytes([header, encodeAttributes([[RTA_TABLE, u32(table)]])])
}

/** Asks which way a packet to `address` would take. */
export function encodeRouteQuestion(address: string, mark: number | undefined): Uint8Array {
  const bytes = parseAddress(address)
  if (!bytes) throw new CodedError('linux.invalid', `'${address}' is not an IP address`)
  const header = new Uint8Array(routeHeaderBytes)
  header[0] = bytes.length === 4 ? AF_INET : AF_INET6
  header[1] = bytes.length * 8
  // Without it the answer names table main always; IPv6 refuses it, and answers exactly.
  if (bytes.length === 4) new DataView(header.buffer).setUint32(8, RTM_F_LOOKUP_TABLE, true)
  const attributes: Attribute[] = [[RTA_DST, bytes]]
  if (mark !== undefined) attributes.push([RTA_MARK, u32(mark)])
  return concatBytes([header, encodeAttributes(attributes)])
}

/** `local 10.0.0.0/8 dev lo table 100`, as `ip route` would be told; `default (ipv6)`, as nothing else tells the family. */
export function describeRoute(route: Route): string {
  const destination = route.destination === 'default' && route.family === 6 ? 'default (ipv6)' : route.destination
  const parts = [route.type && route.type !== 'unicast' ? route.type : undefined, destination]
  if (route.gateway !== undefined) parts.push('via', route.gateway)
  if (route.device !== undefined) parts.push('dev', route.device)
  if (route.table !== undefined) parts.push('table', String(route.table))
  if (route.source !== undefined) parts.push('src', route.source)
  if (route.metric !== undefined) parts.push('metric', String(route.metric))
  return parts.filter((part) => part !== undefined).join(' ')
}

export function routeError(verb: 'add' | 'remove', route: Route, number: number, text: string | undefined): CodedError {
  const error = callError(`${verb} the route ${describeRoute(route)}`, 'netlink', number, text)
  return new CodedError(error.code, error.message, { detail: { ...error.detail, destination: route.destination } })
}
