import type { ApplyReport, InterceptTable, WantedIntercept } from '@tunnel/core/contracts'
import { toCodedError, type CodedError } from '@tunnel/flow'
import { nameOfPattern, prefixOfPattern, type AddressPattern } from '../address/pattern-prefix.ts'
import { contains, formatPrefix, overlaps, parsePrefix, type Prefix } from '../address/prefix.ts'
import { cannotIntercept } from '../tproxy-error.ts'
import { claimsOf, describeClaim, type Claim } from './claim.ts'

export interface ResolveOptions {
  /** Addresses or ranges that a name (`web.ziti`, `*.ziti`) has been given. */
  readonly addressesOf: (name: string) => readonly string[]
  /** Addresses that no service can have. */
  readonly holes: readonly Prefix[]
  /** Those of them that this host has. */
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

/** What the table asks for, address by address. One bad address fails alone: the others of its service are claimed. */
export function resolveTable(table: InterceptTable, options: ResolveOptions): Resolved {
  const claims = new Map<string, Claim>()
  const failed: { service: string; error: CodedError }[] = []
  const notes = new Set<string>()
  for (const wanted of table.intercepts) {
    const { name } = wanted.service
    const resolver = new ServiceResolver(wanted, options, notes, (error) => void failed.push({ service: name, error }))
    for (const claim of resolver.claims()) claims.set(describeClaim(claim), claim)
  }
  return { claims, failed, notes: [...notes] }
}

class ServiceResolver {
  readonly #wanted: WantedIntercept
  readonly #options: ResolveOptions
  readonly #notes: Set<string>
  readonly #fail: (error: CodedError) => void

  constructor(wanted: WantedIntercept, options: ResolveOptions, notes: Set<string>, fail: (error: CodedError) => void) {
    this.#wanted = wanted
    this.#options = options
    this.#notes = notes
    this.#fail = fail
  }

  *claims(): Generator<Claim> {
    for (const pattern of this.#wanted.intercept.addresses) {
      const prefix = prefixOfPattern(pattern)
      if (prefix) {
        if (this.#isFree(prefix)) yield* claimsOf(this.#wanted, prefix, false)
      } else {
        for (const assigned of this.#assigned(pattern)) yield* claimsOf(this.#wanted, assigned, true)
      }
    }
  }

  #isFree(prefix: Prefix): boolean {
    const { holes, own, ipv6 } = this.#options
    const address = formatPrefix(prefix)
    const service = this.#wanted.service.name
    if (prefix.family === 6 && !ipv6) {
      this.#fail(cannotIntercept('tproxy.no-ipv6', service, address, 'this host has no IPv6. Turn it on, or intercept an IPv4 address'))
      return false
    }
    if (holes.some((hole) => contains(hole, prefix))) {
      const why = 'it is an address of this host, or one that belongs to no host. Choose another address in the service'
      this.#fail(cannotIntercept('tproxy.address-local', service, address, why))
      return false
    }
    for (const mine of own) {
      if (overlaps(prefix, mine)) this.#notes.add(`${address} of service '${service}' contains ${formatPrefix(mine)} of this host, which is left alone`)
    }
    return true
  }

  #assigned(pattern: AddressPattern): Prefix[] {
    const name = nameOfPattern(pattern)
    const service = this.#wanted.service.name
    let addresses: readonly string[]
    try {
      addresses = this.#options.addressesOf(name)
    } catch (error) {
      this.#fail(toCodedError(error, 'tproxy.unassigned'))
      return []
    }
    if (addresses.length === 0) {
      const why = 'no address could be given to this name. Turn the DNS server on, or use an IP address in the service'
      this.#fail(cannotIntercept('tproxy.unassigned', service, name, why))
    }
    return addresses.flatMap((text) => {
      const prefix = parsePrefix(text)
      if (!prefix) this.#fail(cannotIntercept('tproxy.address-invalid', service, name, `'${text}' is no address`))
      return prefix && (prefix.family === 4 || this.#options.ipv6) ? [prefix] : []
    })
  }
}
