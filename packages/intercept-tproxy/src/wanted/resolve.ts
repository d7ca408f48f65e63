import { nameOfPattern, prefixOfPattern, type ApplyReport, type InterceptTable, type WantedIntercept } from '@tunnel/core/contracts'
import { contains, formatPrefix, overlaps, parsePrefix, toCodedError, type CodedError, type Prefix } from '@tunnel/flow'
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
  const host = `${options.ipv6} ${options.holes.map(({ cidr }) => cidr).join()}`
  const claims = new Map<string, Claim>()
  const failed: { service: string; error: CodedError }[] = []
  const notes = new Set<string>()
  for (const wanted of table.intercepts) {
    const service = wanted.service.name
    const found = resolveService(wanted, assignedTo(wanted, options), options, host)
    for (const [key, claim] of found.claims) claims.set(key, claim)
    for (const error of found.failed) failed.push({ service, error })
    for (const note of found.notes) notes.add(note)
  }
  return { claims, failed, notes: [...notes] }
}

interface ServiceClaims {
  readonly claims: readonly (readonly [key: string, claim: Claim])[]
  readonly failed: readonly CodedError[]
  readonly notes: readonly string[]
}

/** Texts of addresses by pattern; an error where none could be given; nothing for what is an address itself. */
type Assigned = readonly (readonly string[] | CodedError | undefined)[]

interface Remembered {
  readonly service: string
  readonly host: string
  readonly assigned: Assigned
  readonly result: ServiceClaims
}

/** Configs are immutable: of ten thousand services only those are looked at of which something has changed. */
const remembered = new WeakMap<WantedIntercept['intercept'], Remembered>()

function resolveService(wanted: WantedIntercept, assigned: Assigned, options: ResolveOptions, host: string): ServiceClaims {
  const service = wanted.service.name
  const before = remembered.get(wanted.intercept)
  if (before?.service === service && before.host === host && isSame(before.assigned, assigned)) return before.result
  const result = new ServiceResolver(wanted, options).resolve(assigned)
  remembered.set(wanted.intercept, { service, host, assigned, result })
  return result
}

function isSame(one: Assigned, other: Assigned): boolean {
  if (one === other) return true
  return one.length === other.length && one.every((texts, index) => texts === other[index] || String(texts) === String(other[index]))
}

const nothingAssigned: Assigned = []

function assignedTo({ intercept }: WantedIntercept, { addressesOf }: ResolveOptions): Assigned {
  if (!intercept.addresses.some(({ kind }) => kind === 'host' || kind === 'wildcard')) return nothingAssigned
  return intercept.addresses.map((pattern) => {
    if (pattern.kind === 'ip' || pattern.kind === 'cidr') return undefined
    try {
      return addressesOf(nameOfPattern(pattern))
    } catch (error) {
      return toCodedError(error, 'tproxy.unassigned')
    }
  })
}

class ServiceResolver {
  readonly #wanted: WantedIntercept
  readonly #options: ResolveOptions
  readonly #claims: (readonly [string, Claim])[] = []
  readonly #failed: CodedError[] = []
  readonly #notes: string[] = []

  constructor(wanted: WantedIntercept, options: ResolveOptions) {
    this.#wanted = wanted
    this.#options = options
  }

  resolve(assigned: Assigned): ServiceClaims {
    for (const [index, pattern] of this.#wanted.intercept.addresses.entries()) {
      const prefix = prefixOfPattern(pattern)
      if (!prefix) this.#claimName(nameOfPattern(pattern), assigned[index] ?? [])
      else if (this.#isFree(prefix)) this.#claim(prefix, false)
    }
    return { claims: this.#claims, failed: this.#failed, notes: this.#notes }
  }

  #claim(prefix: Prefix, named: boolean): void {
    for (const claim of claimsOf(this.#wanted, prefix, named)) this.#claims.push([describeClaim(claim), claim])
  }

  #isFree(prefix: Prefix): boolean {
    const { holes, own, ipv6 } = this.#options
    const address = formatPrefix(prefix)
    const service = this.#wanted.service.name
    if (prefix.family === 6 && !ipv6) {
      this.#failed.push(cannotIntercept('tproxy.no-ipv6', service, address, 'this host has no IPv6. Turn it on, or intercept an IPv4 address'))
      return false
    }
    if (holes.some((hole) => contains(hole, prefix))) {
      const why = 'it is an address of this host, or one that belongs to no host. Choose another address in the service'
      this.#failed.push(cannotIntercept('tproxy.address-local', service, address, why))
      return false
    }
    for (const mine of own) {
      if (overlaps(prefix, mine)) this.#notes.push(`${address} of service '${service}' contains ${formatPrefix(mine)} of this host, which is left alone`)
    }
    return true
  }

  #claimName(name: string, assigned: readonly string[] | CodedError): void {
    const service = this.#wanted.service.name
    if (assigned instanceof Error) {
      this.#failed.push(assigned)
      return
    }
    if (assigned.length === 0) {
      const why = 'no address could be given to this name. Turn the DNS server on, or use an IP address in the service'
      this.#failed.push(cannotIntercept('tproxy.unassigned', service, name, why))
    }
    for (const text of assigned) {
      const prefix = parsePrefix(text)
      if (!prefix) this.#failed.push(cannotIntercept('tproxy.address-invalid', service, name, `'${text}' is no address`))
      else if (prefix.family === 4 || this.#options.ipv6) this.#claim(prefix, true)
    }
  }
}
