import type { Protocol } from '@tunnel/flow'
import type { InterceptV1 } from '../service/intercept-v1.ts'
import { matchAddress, matchTarget } from './address-pattern.ts'
import type { AddressPattern, MatchTarget } from './address-pattern.ts'
import { allowsAddress } from './allow-list.ts'
import { matchPort } from './port-range.ts'

/** One service with its intercept: an entry of core's intercept table is one. */
export interface MatchCandidate {
  readonly service: { readonly name: string }
  readonly intercept: InterceptV1
}

/** Where a program wants to go. */
export interface Destination {
  readonly protocol: Protocol
  /** IP address, or a name where there is no address. */
  readonly address: string
  readonly port: number
  /** Name under which the program looked up `address`, where that is known. Either may match; the better one counts. */
  readonly hostname?: string
  /** IP address of the program; without it `allowedSourceAddresses` are not applied. */
  readonly source?: string
}

/** Ports span 16 bits, so that the address always outweighs the port. */
const addressWeight = 65_536

/**
 * The candidate that fits best, by address score × 65536 + port score, lower wins; of equals the one whose service name
 * is alphabetically smaller (protocol section 6.1).
 */
export function bestMatch<T extends MatchCandidate>(candidates: Iterable<T>, destination: Destination): T | undefined {
  const targets = [matchTarget(destination.address)]
  if (destination.hostname) targets.push(matchTarget(destination.hostname))
  let best: T | undefined
  let bestScore = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const score = matchScore(candidate.intercept, destination, targets)
    if (score === undefined || score > bestScore) continue
    if (score === bestScore && best && best.service.name <= candidate.service.name) continue
    best = candidate
    bestScore = score
  }
  return best
}

function matchScore(intercept: InterceptV1, destination: Destination, targets: readonly MatchTarget[]): number | undefined {
  if (!intercept.protocols.includes(destination.protocol)) return undefined
  const port = matchPort(intercept.portRanges, destination.port)
  if (port === undefined) return undefined
  const address = matchAddresses(intercept.addresses, targets)
  if (address === undefined) return undefined
  const { allowedSourceAddresses: sources } = intercept
  if (sources && destination.source !== undefined && !allowsAddress(sources, destination.source)) return undefined
  return address * addressWeight + port
}

function matchAddresses(patterns: readonly AddressPattern[], targets: readonly MatchTarget[]): number | undefined {
  let best: number | undefined
  for (const pattern of patterns) {
    for (const target of targets) {
      const score = matchAddress(pattern, target)
      if (score !== undefined && (best === undefined || score < best)) best = score
    }
    if (best === 0) return best
  }
  return best
}
