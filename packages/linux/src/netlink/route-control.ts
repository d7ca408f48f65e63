import { constants } from 'node:os'
import { CodedError } from '@tunnel/flow'
import { callError } from '../ffi/call-error.ts'
import type { Acknowledgement } from './acknowledgement.ts'
import {
  encodeLink,
  encodeLinkAddress,
  parseLink,
  parseLinkAddress,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  type Link,
  type LinkAddress,
  type LinkSettings,
} from './link.ts'
import { concatBytes, encodeMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from './message.ts'
import { openNetlink, type NetlinkSocket } from './netlink-socket.ts'
import { watchNetwork, type NetworkEvent } from './network-watch.ts'
import {
  encodeRoute,
  encodeRouteFilter,
  encodeRouteQuestion,
  familyNumber,
  parseRoute,
  routeError,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  type DeviceNames,
  type Route,
} from './route.ts'
import { describeRule, encodeRule, parseRule, RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE, type Rule } from './rule.ts'

export interface RouteAnswer {
  readonly type: NonNullable<Route['type']>
  readonly table: number
  readonly device?: string
  readonly gateway?: string
  readonly source?: string
}

/**
 * Routes, rules, addresses and links of this network namespace, by rtnetlink. Every call is synchronous: some 10 µs a change.
 * What the kernel refuses is thrown as a `CodedError` of `LinuxErrorCode`.
 */
export interface RouteControl {
  /** All or none: when one is refused, those already made by this call are removed again. `linux.exists` if one is there already. */
  addRoutes(routes: readonly Route[]): void
  /** Those that were not there are told, and no error. */
  removeRoutes(routes: readonly Route[]): { readonly missing: readonly Route[] }
  routes(filter?: { readonly table?: number; readonly family?: 4 | 6 }): Route[]
  /** Which way a packet to `address` would go; `undefined` when it would go nowhere. */
  routeTo(address: string, options?: { readonly mark?: number }): RouteAnswer | undefined
  addRule(rule: Rule): void
  /** `linux.missing` when there is none such. */
  removeRule(rule: Rule): void
  rules(family?: 4 | 6): Rule[]
  links(): Link[]
  setLink(name: string, wanted: LinkSettings): void
  addresses(): LinkAddress[]
  addAddress(address: LinkAddress): void
  removeAddress(address: LinkAddress): void
  /** Calls, at most once a turn, with what anybody changed; `own` marks changes that this program made. Keeps no process alive. */
  watch(changed: (events: readonly NetworkEvent[]) => void): { close(): void }
  close(): void
}

/** Throws `linux.unsupported` off Linux. Reading needs no privilege, changing needs CAP_NET_ADMIN. */
export function openRouteControl(netlink: NetlinkSocket = openNetlink(0)): RouteControl {
  return new NetlinkRouteControl(netlink)
}

/** So many acknowledgements, of about 1 kB each, fit the receive buffer of those who may not enlarge it (user namespaces: 416 KiB). */
const batchRoutes = 256
const { ENOENT, ESRCH, EHOSTUNREACH, ENETUNREACH, EACCES, EINVAL, ENODEV, EOPNOTSUPP, EAFNOSUPPORT } = constants.errno
/** What a kernel without IPv6 (ipv6.disable=1) says to questions about it. */
const noFamily = [EOPNOTSUPP, EAFNOSUPPORT]
const undeliverable = new Set(['unreachable', 'blackhole', 'prohibit', 'throw'])

class NetlinkRouteControl implements RouteControl {
  readonly #netlink: NetlinkSocket
  readonly #watches = new Set<{ close(): void }>()

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink
  }

  addRoutes(routes: readonly Route[]): void {
    const answers = this.#eachRoute(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, routes)
    const refused = answers.findIndex(({ errno }) => errno !== 0)
    const route = routes[refused]
    if (!route) return
    this.removeRoutes(routes.filter((_, index) => answers[index]?.errno === 0))
    throw routeError('add', route, answers[refused]?.errno ?? 0, answers[refused]?.text)
  }

  removeRoutes(routes: readonly Route[]): { missing: Route[] } {
    // The routes of a link that is gone went with it.
    const devices = this.#devices()
    const present = routes.filter(({ device }) => device === undefined || devices.has(device))
    const answers = this.#eachRoute(RTM_DELROUTE, 0, present)
    const missing = routes.filter(({ device }) => device !== undefined && !devices.has(device))
    answers.forEach(({ errno, text }, index) => {
      const route = present[index]
      if (errno === 0 || !route) return
      if (errno !== ESRCH && errno !== ENOENT && errno !== ENODEV) throw routeError('remove', route, errno, text)
      missing.push(route)
    })
    return { missing }
  }

  routes({ table, family }: { table?: number; family?: 4 | 6 } = {}): Route[] {
    const devices = this.#devices()
    return (family ? [family] : [4, 6] as const)
      .flatMap((each) => this.#listRoutes(each, table).flatMap((payload) => {
        const route = parseRoute(payload, devices)
        // Asked for a family that it has not, the kernel lists all that it has.
        return route?.family === each && (table === undefined || route.table === table) ? [route] : []
      }))
  }

  routeTo(address: string, { mark }: { mark?: number } = {}): RouteAnswer | undefined {
    const payload = unless([ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ...noFamily], () =>
      this.#netlink.request(RTM_GETROUTE, 0, encodeRouteQuestion(address, mark)),
    )?.[0]
    const route = payload && parseRoute(payload, this.#devices())
    if (!route || undeliverable.has(route.type ?? '')) return undefined
    const { type = 'unicast', table = 0, device, gateway, source } = route
    return { type, table, ...(device && { device }), ...(gateway && { gateway }), ...(source && { source }) }
  }

  addRule(rule: Rule): void {
    this.#rule(`add the rule ${describeRule(rule)}`, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule)
  }

  removeRule(rule: Rule): void {
    this.#rule(`remove the rule ${describeRule(rule)}`, RTM_DELRULE, 0, rule)
  }

  rules(family?: 4 | 6): Rule[] {
    return (family ? [family] : [4, 6] as const)
      .flatMap((each) => unless(noFamily, () => this.#netlink.request(RTM_GETRULE, NLM_F_DUMP, header(12, familyNumber(each)))) ?? [])
      .map(parseRule)
      .filter((rule) => rule !== undefined)
  }

  links(): Link[] {
    const answers = this.#netlink.request(RTM_GETLINK, NLM_F_DUMP, header(16, 0))
    return answers.map(parseLink).filter((link) => link !== undefined)
  }

  setLink(name: string, wanted: LinkSettings): void {
    const message = encodeLink(this.#devices().indexOf(name), wanted)
    this.#change(`set the link ${name}`, RTM_NEWLINK, 0, message)
  }

  addresses(): LinkAddress[] {
    const devices = this.#devices()
    return this.#netlink
      .request(RTM_GETADDR, NLM_F_DUMP, header(8, 0))
      .map((payload) => parseLinkAddress(payload, (index) => devices.nameOf(index)))
      .filter((address) => address !== undefined)
  }

  addAddress(address: LinkAddress): void {
    const message = encodeLinkAddress(address, this.#devices().indexOf(address.device))
    this.#change(`add ${describeAddress(address)}`, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, message)
  }

  removeAddress(address: LinkAddress): void {
    const message = encodeLinkAddress(address, this.#devices().indexOf(address.device))
    this.#change(`remove ${describeAddress(address)}`, RTM_DELADDR, 0, message)
  }

  watch(changed: (events: readonly NetworkEvent[]) => void): { close(): void } {
    const watch = watchNetwork(changed)
    this.#watches.add(watch)
    return {
      close: () => {
        this.#watches.delete(watch)
        watch.close()
      },
    }
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
    this.#watches.clear()
    this.#netlink.close()
  }

  #devices(): DeviceMap {
    return new DeviceMap(this.links())
  }

  #listRoutes(family: 4 | 6, table: number | undefined): Uint8Array[] {
    // A table that does not exist is a table without routes.
    const list = (): Uint8Array[] => this.#netlink.request(RTM_GETROUTE, NLM_F_DUMP, encodeRouteFilter(family, table))
    return unless([ENOENT, ...noFamily], list) ?? []
  }

  #eachRoute(type: number, flags: number, routes: readonly Route[]): Acknowledgement[] {
    const devices = this.#devices()
    const messages = routes.map((route) => encodeMessage(type, flags | NLM_F_ACK, encodeRoute(route, devices)))
    const answers: Acknowledgement[] = []
    for (let start = 0; start < messages.length; start += batchRoutes) {
      const batch = this.#netlink.exchange(concatBytes(messages.slice(start, start + batchRoutes)))
      for (const answer of batch) answers.push(answer ?? { errno: constants.errno.ETIMEDOUT, text: 'the kernel did not answer' })
    }
    return answers
  }

  #rule(doing: string, type: number, flags: number, rule: Rule): void {
    this.#change(doing, type, flags, encodeRule(rule))
  }

  #change(doing: string, type: number, flags: number, payload: Uint8Array): void {
    const [answer] = this.#netlink.exchange(encodeMessage(type, flags | NLM_F_ACK, payload))
    if (answer?.errno !== 0) throw callError(doing, 'netlink', answer?.errno ?? constants.errno.ETIMEDOUT, answer?.text)
  }
}

class DeviceMap implements DeviceNames {
  readonly #indices: ReadonlyMap<string, number>
  readonly #names: ReadonlyMap<number, string>

  constructor(links: readonly Link[]) {
    this.#indices = new Map(links.map(({ name, index }) => [name, index]))
    this.#names = new Map(links.map(({ name, index }) => [index, name]))
  }

  has(name: string): boolean {
    return this.#indices.has(name)
  }

  indexOf(name: string): number {
    const index = this.#indices.get(name)
    if (index === undefined) throw callError(`find the link ${name}`, 'netlink', ENODEV)
    return index
  }

  nameOf(index: number): string | undefined {
    return this.#names.get(index)
  }
}

function header(length: number, family: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes[0] = family
  return bytes
}

const describeAddress = ({ address, prefixLength, device }: LinkAddress): string =>
  `the address ${address}/${prefixLength} of ${device}`

/** `undefined` where the kernel refuses with one of these numbers. */
function unless<T>(numbers: readonly number[], call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    const names = numbers.map((number) => callError('', '', number).detail['errno'])
    if (error instanceof CodedError && names.includes(error.detail['errno'])) return undefined
    throw error
  }
}
