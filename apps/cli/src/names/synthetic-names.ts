import { isIPv4 } from 'node:net'
import type { Assignment, NameSet, Resolver, SyntheticPool } from '@tunnel/dns'
import { createNameSet } from '@tunnel/dns'
import type { CodedError, Log } from '@tunnel/flow'
import { toCodedError } from '@tunnel/flow'
import type { NameBook, NameEntry } from './name-book.ts'
import { isWildcard } from './name-book.ts'
import { createNameLog } from './name-log.ts'

const addressesIn = ({ v4, v6 }: Assignment): string[] => [v4, v6].filter((address) => address !== undefined)

/** `--ip-assignment synthetic`: each name has an address of a range of ours; a wildcard is intercepted as the whole range. */
export function createSyntheticNames(pool: SyntheticPool, log: Log): NameBook {
  const answered: NameSet = createNameSet()
  const withoutIpv6: NameSet = createNameSet()
  const news = createNameLog(log)
  let assigned = new Map<string, readonly string[]>()
  let published = new Map<string, readonly string[]>()

  const assignOne = (name: string): readonly string[] => {
    createNameSet([name]) // throws for what is no name in DNS, and then only this one is left out
    return isWildcard(name) ? pool.ranges : addressesOf(pool.assign(name))
  }
  const addressesOf = (assignment: Assignment): string[] => {
    const addresses = addressesIn(assignment)
    return withoutIpv6.matches(assignment.name) ? addresses.filter(isIPv4) : addresses
  }
  const known = pool.names(answered, { onAssigned: (assignment) => news.asked(assignment.name, addressesOf(assignment)) })
  const resolver: Resolver = (question, context) => {
    const isWithheld = question.type === 'AAAA' && withoutIpv6.matches(question.key) && answered.matches(question.key)
    return isWithheld ? 'NODATA' : known.resolve(question, context)
  }

  return {
    async assign(names, ipv4Only = []) {
      withoutIpv6.replace(ipv4Only.filter(isName))
      const refused = new Map<string, CodedError>()
      const next = new Map<string, readonly string[]>()
      for (const name of names) {
        try {
          next.set(name, assignOne(name))
        } catch (error) {
          refused.set(name, toCodedError(error, 'dns.assign-failed'))
        }
      }
      for (const name of published.keys()) {
        if (next.has(name)) continue
        published.delete(name)
        news.removed(name)
      }
      answered.replace([...published.keys()])
      for (const name of assigned.keys()) if (!next.has(name) && !isWildcard(name)) pool.release(name)
      assigned = next
      return refused
    },
    publish() {
      published = new Map(assigned)
      answered.replace([...published.keys()])
    },
    announce() {
      for (const [name, addresses] of published) if (!isWildcard(name)) news.added(name, addresses)
    },
    addressesOf: (hostname) => assigned.get(hostname.toLowerCase()) ?? [],
    nameOf: (address) => pool.nameOf(address),
    resolver,
    answers: (name) => answered.matches(name),
    entries: () => entriesOf(published),
    get size() {
      return pool.assigned
    },
  }
}

function isName(pattern: string): boolean {
  try {
    createNameSet([pattern])
    return true
  } catch {
    return false // `assign` says so
  }
}

export function entriesOf(names: ReadonlyMap<string, readonly string[]>): NameEntry[] {
  const whole = [...names].filter(([name]) => !isWildcard(name))
  return whole.flatMap(([name, addresses]) => addresses.map((address) => ({ address, name })))
}
