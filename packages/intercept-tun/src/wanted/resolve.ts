import { nameOfPattern, prefixOfPattern, type ApplyReport, type InterceptTable, type WantedIntercept } from '@tunnel/core/contracts'
import { contains, formatPrefix, overlaps, parsePrefix, toCodedError, type CodedError, type Prefix } from '@tunnel/flow'
import { cannotIntercept } from '../tun-error.ts'
import { claimsOf, describeClaim, type Claim } from './claim.ts'

export interface ResolveOptions {
  /** Addresses or ranges that a name (`web.ziti`, `*.ziti`) has been given. */
  readonly addressesOf: (name: string) => readonly string[]
  /** Addresses that this host has. */
  readonly own: readonly Prefix[]
  readonly ipv6: boolean
}

export interface Resolved {
  /** By their description. */
  readonly claims: ReadonlyMap<string, Claim>
  readonly failed: ApplyReport['failed']
  /** Worth knowing, yet no failure. */
  readonly notes: readonly string[]
}

/** No packet to these is ever ours: this host, loopback, link-local IPv6, multicast, broadcast (RFC 6890, RFC 4291). */
const neverTaken = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255', '::', '::1', 'fe80::/10', 'ff00::/8'].flatMap(
  (text) => parsePrefix(text) ?? [],
)

/** What the table asks for, address by address. One bad address fails alone: the others of its service are claimed. */
export function resolveTable(table: InterceptTable, options: ResolveOptions): Resolved {
  const resolver = new Resolver(options)
  for (const wanted of table.intercepts) resolver.add(wanted)
  return { claims: resolver.claims, failed: resolver.failed, notes: [...resolver.notes] }
}

class Resolver {
  readonly claims = new Map<string, Claim>()
  readonly failed: { readonly service: string; readonly error: CodedError }[] = []
  readonly notes = new Set<string>()
  readonly #options: ResolveOptions

  constructor(options: ResolveOptions) {
    this.#options = options
  }

  add(wanted: WantedIntercept): void {
    for (const pattern of wanted.intercept.addresses) {
      const prefix = prefixOfPattern(pattern)
      if (!prefix) this.#addName(wanted, nameOfPattern(pattern))
      else if (this.#isFree(wanted.service.name, prefix)) this.#claim(wanted, prefix, false)
    }
  }

  #claim(wanted: WantedIntercept, prefix: Prefix, named: boolean): void {
    for (const claim of claimsOf(wanted, prefix, named)) this.claims.set(describeClaim(claim), claim)
  }

  #fail(service: string, error: CodedError): void {
    this.failed.push({ service, error })
  }

  #isFree(service: string, prefix: Prefix): boolean {
    const { own, ipv6 } = this.#options
    const address = formatPrefix(prefix)
    if (prefix.family === 6 && !ipv6) {
      this.#fail(service, cannotIntercept('tun.no-ipv6', service, address, 'this host has no IPv6. Turn it on, or intercept an IPv4 address'))
      return false
    }
    if ([...neverTaken, ...own].some((hole) => contains(hole, prefix))) {
      const why = 'it is an address of this host, or one that belongs to no host. Choose another address in the service'
      this.#fail(service, cannotIntercept('tun.address-local', service, address, why))
      return false
    }
    for (const mine of own) {
      if (overlaps(prefix, mine)) this.notes.add(`${address} of service '${service}' contains ${formatPrefix(mine)} of this host, which is left alone`)
    }
    return true
  }

  #addName(wanted: WantedIntercept, name: string): void {
    const service = wanted.service.name
    let assigned: readonly string[]
    try {
      assigned = this.#options.addressesOf(name)
    } catch (error) {
      return this.#fail(service, toCodedError(error, 'tun.unassigned'))
    }
    if (assigned.length === 0) {
      const why = 'no address could be given to this name. Turn the DNS server on, or use an IP address in the service'
      this.#fail(service, cannotIntercept('tun.unassigned', service, name, why))
    }
    for (const text of assigned) {
      const prefix = parsePrefix(text)
      if (!prefix) this.#fail(service, cannotIntercept('tun.address-invalid', service, name, `'${text}' is no address`))
      else if (prefix.family === 4 || this.#options.ipv6) this.#claim(wanted, prefix, true)
    }
  }
}

/** The addresses that make this host different from others. */
export function ownPrefixes(addresses: readonly string[]): Prefix[] {
  const prefixes = [...new Set(addresses)].flatMap((text) => parsePrefix(text) ?? [])
  return prefixes.filter((address) => !neverTaken.some((range) => contains(range, address)))
}
