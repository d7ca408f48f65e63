import type { ApplyReport, Claim } from '@tunnel/core/contracts'
import { toCodedError, type CodedError } from '@tunnel/flow'
import type { Interception } from './interception.ts'
import { targetOf, type Target } from './wanted/target.ts'

/** So many parts of a refused table are tried by themselves; the rest of it waits for the next `apply`. */
const partsTried = 64

/**
 * Moves to the target. Where the host refuses it, all but what is new of it is done, and then what is new in ever smaller
 * parts: one service that cannot be is found, and the others are in effect.
 */
export async function applyTarget(interception: Interception, target: Target): Promise<ApplyReport['failed']> {
  const { claims: before } = interception.target
  try {
    await interception.moveTo(target)
    return []
  } catch (error) {
    const fresh = servicesOf([...target.claims].filter(([key]) => !before.has(key)))
    if (fresh.length === 0) throw error
    const kept = new Map([...target.claims].filter(([key]) => before.has(key)))
    await interception.moveTo(targetOf(kept, target.host))
    return new PartwiseAddition(interception, target).add(fresh, error)
  }
}

interface ServiceClaims {
  readonly service: string
  readonly claims: readonly (readonly [key: string, claim: Claim])[]
}

function servicesOf(claims: readonly (readonly [string, Claim])[]): ServiceClaims[] {
  const services = new Map<string, (readonly [string, Claim])[]>()
  for (const entry of claims) {
    const present = services.get(entry[1].service)
    if (present) present.push(entry)
    else services.set(entry[1].service, [entry])
  }
  return [...services].map(([service, list]) => ({ service, claims: list }))
}

class PartwiseAddition {
  readonly #interception: Interception
  readonly #target: Target
  #left = partsTried

  constructor(interception: Interception, target: Target) {
    this.#interception = interception
    this.#target = target
  }

  /** These together were refused with `error`. */
  async add(services: readonly ServiceClaims[], error: unknown): Promise<ApplyReport['failed']> {
    if (services.length === 1 || this.#left <= 0) return services.map(({ service }) => ({ service, error: asFailure(error) }))
    const middle = services.length >>> 1
    return [...(await this.#try(services.slice(0, middle))), ...(await this.#try(services.slice(middle)))]
  }

  async #try(services: readonly ServiceClaims[]): Promise<ApplyReport['failed']> {
    this.#left -= 1
    const claims = new Map([...this.#interception.target.claims, ...services.flatMap((service) => service.claims)])
    try {
      await this.#interception.moveTo(targetOf(claims, this.#target.host))
      return []
    } catch (error) {
      return this.add(services, error)
    }
  }
}

function asFailure(error: unknown): CodedError {
  return toCodedError(error, 'tproxy.apply-failed')
}
