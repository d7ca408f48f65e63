import { CodedError, contains, formatPrefix, overlaps, parsePrefix, toCodedError, type Prefix } from '@tunnel/flow'
import { claimsOf, describeClaim, type Claim } from './claim.ts'
import type { ApplyReport, Interceptor, InterceptTable, WantedIntercept } from './interceptor.ts'
import { holesOf } from './own-addresses.ts'
import { nameOfPattern, prefixOfPattern } from './pattern-prefix.ts'

export interface ResolveOptions {
  /** Of whoever intercepts: codes of failures begin with it (`tun.no-ipv6`). */
  readonly kind: Exclude<Interceptor['kind'], 'proxy'>
  /** Addresses or ranges that a name (`web.ziti`, `*.ziti`) has been given. */
  readonly addressesOf: (name: string) => readonly string[]
  /** Addresses that this host has (`ownPrefixes`): no service can have them. */
  readonly own: readonly Prefix[]
  readonly ipv6: boolean
}

export interface Resolved {
  /** By `describeClaim`. */
  readonly claims: ReadonlyMap<string, Claim>
  readonly failed: ApplyReport['failed']
  /** Worth knowing, yet no failure. */
  readonly notes: readonly string[]
}

/** What the table asks for, address by address. One bad address fails alone: the others of its service are claimed. */
export function resolveTable(table: InterceptTable, options: ResolveOptions): Resolved {
  const host: Host = { ...options, holes: holesOf(options.own), key: `${options.kind} ${options.ipv6} ${options.own.map(({ cidr }) => cidr).join()}` }
  const claims = new Map<string, Claim>()
  const failed: { service: string; error: CodedError }[] = []
  const notes = new Set<string>()
  for (const wanted of table.intercepts) {
    const service = wanted.service.name
    const found = resolveService(wanted, assignedTo(wanted, options), host)
    for (const [key, claim] of found.claims) claims.set(key, claim)
    for (const error of found.failed) failed.push({ service, error })
    for (const note of found.notes) notes.add(note)
  }
  return { claims, failed, notes: [...notes] }
}

interface Host extends ResolveOptions {
  readonly holes: readonly Prefix[]
  /** Equal for hosts on which the same can be claimed. */
  readonly key: string
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

function resolveService(wanted: WantedIntercept, assigned: Assigned, host: Host): ServiceClaims {
  const service = wanted.service.name
  const before = remembered.get(wanted.intercept)
  if (before?.service === service && before.host === host.key && isSame(before.assigned, assigned)) return before.result
  const result = new ServiceResolver(wanted, host).resolve(assigned)
  remembered.set(wanted.intercept, { service, host: host.key, assigned, result })
  return result
}

function isSame(one: Assigned, other: Assigned): boolean {
  if (one === other) return true
  return one.length === other.length && one.every((texts, index) => texts === other[index] || String(texts) === String(other[index]))
}

const nothingAssigned: Assigned = []

function assignedTo({ intercept }: WantedIntercept, { addressesOf, kind }: ResolveOptions): Assigned {
  if (!intercept.addresses.some(({ kind }) => kind === 'host' || kind === 'wildcard')) return nothingAssigned
  return intercept.addresses.map((pattern) => {
    if (pattern.kind === 'ip' || pattern.kind === 'cidr') return undefined
    try {
      return addressesOf(nameOfPattern(pattern))
    } catch (error) {
      return toCodedError(error, `${kind}.unassigned`)
    }
  })
}

class ServiceResolver {
  readonly #wanted: WantedIntercept
  readonly #host: Host
  readonly #claims: (readonly [string, Claim])[] = []
  readonly #failed: CodedError[] = []
  readonly #notes: string[] = []

  constructor(wanted: WantedIntercept, host: Host) {
    this.#wanted = wanted
    this.#host = host
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

  #fail(reason: 'no-ipv6' | 'address-local' | 'address-invalid' | 'unassigned', address: string, why: string): void {
    const service = this.#wanted.service.name
    this.#failed.push(new CodedError(`${this.#host.kind}.${reason}`, `Cannot intercept ${address} for service '${service}': ${why}`, { detail: { service, address } }))
  }

  #isFree(prefix: Prefix): boolean {
    const { holes, own, ipv6 } = this.#host
    const address = formatPrefix(prefix)
    const service = this.#wanted.service.name
    if (prefix.family === 6 && !ipv6) {
      this.#fail('no-ipv6', address, 'this host has no IPv6. Turn it on, or intercept an IPv4 address')
      return false
    }
    if (holes.some((hole) => contains(hole, prefix))) {
      const why = 'it is an address of this host, or one that belongs to no host. Choose another address in the service'
      this.#fail('address-local', address, why)
      return false
    }
    for (const mine of own) {
      if (overlaps(prefix, mine)) this.#notes.push(`${address} of service '${service}' contains ${formatPrefix(mine)} of this host, which is left alone`)
    }
    return true
  }

  #claimName(name: string, assigned: readonly string[] | CodedError): void {
    if (assigned instanceof Error) {
      this.#failed.push(assigned)
      return
    }
    if (assigned.length === 0) {
      const why = 'no address could be given to this name. Turn the DNS server on, or use an IP address in the service'
      this.#fail('unassigned', name, why)
    }
    for (const text of assigned) {
      const prefix = parsePrefix(text)
      if (!prefix) this.#fail('address-invalid', name, `'${text}' is no address`)
      else if (prefix.family === 4 || this.#host.ipv6) this.#claim(prefix, true)
    }
  }
}
