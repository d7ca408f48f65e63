import { hostConfigsOf, interceptConfigOf, proxyConfigOf } from '@tunnel/config'
import type { Service } from '@tunnel/config'

/**
 * Remembers what a parser made of a service. Services are immutable values, replaced as a whole when they change, so
 * an apply over a thousand services parses only the one that is new, and a dial parses nothing.
 */
function remembered<T>(parse: (service: Service) => T): (service: Service) => T {
  const results = new WeakMap<Service, { value: T }>()
  return (service) => {
    let result = results.get(service)
    if (!result) {
      result = { value: parse(service) }
      results.set(service, result)
    }
    return result.value
  }
}

export const interceptOf = remembered(interceptConfigOf)
export const hostsOf = remembered(hostConfigsOf)
export const proxyOf = remembered(proxyConfigOf)
