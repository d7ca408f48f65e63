import type { Protocol, TcpRequest } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { buildTable } from '../intercept-table/build-table.ts'
import { createServiceDirectory } from '../services/service-directory.ts'
import { createMemoryNetwork } from '../testing.ts'
import type { ServiceFacts } from '../testing.ts'
import { routeOf } from './route.ts'

const intercept = (addresses: string[], low = 80, high = low, more: object = {}) => ({
  'intercept.v1': { protocols: ['tcp'], addresses, portRanges: [{ low, high }], ...more },
})

/** Two identities, each on a network of its own. */
function setUp(first: ServiceFacts[], second: ServiceFacts[] = []) {
  const overlays = [first, second].map((services, i) => {
    const network = createMemoryNetwork()
    for (const service of services) network.addService(service)
    return network.createIdentity(`identity ${i}`)
  })
  const directory = createServiceDirectory(overlays, () => {})
  const { routes } = buildTable(directory.all(), { addresses: true })
  return (facts: { address?: string; port?: number; service?: string; hostname?: string; source?: string; protocol?: Protocol }) => {
    const { address = '10.0.0.1', port = 80, service, hostname, source = '127.0.0.1' } = facts
    const request = { protocol: facts.protocol ?? 'tcp', from: { address: source, port: 5 }, to: { address, port }, ...(service && { service }) }
    const route = routeOf(request as TcpRequest, directory, routes, hostname)
    return route && `${route.service.name} by ${route.overlay.identity.name}`
  }
}

describe('a request of a named listener', () => {
  it('goes to its service, whatever its destination', () => {
    const route = setUp([{ name: 'web' }, { name: 'other', config: intercept(['10.0.0.1']) }])
    expect(route({ service: 'web' })).toBe('web by identity 0')
    expect(route({ service: 'gone' })).toBeUndefined()
  })

  it('goes by the first identity that may dial the service', () => {
    const route = setUp([{ name: 'web', permissions: ['Bind'] }], [{ name: 'web' }])
    expect(route({ service: 'web' })).toBe('web by identity 1')
  })
})

describe('a request by address', () => {
  it('goes to the intercept that fits best, of any identity', () => {
    const route = setUp([{ name: 'net', config: intercept(['10.0.0.0/8'], 1, 999) }], [{ name: 'one', config: intercept(['10.0.0.1'], 1, 999) }])
    expect(route({})).toBe('one by identity 1')
    expect(route({ address: '10.0.0.2' })).toBe('net by identity 0')
    expect(route({ port: 1_000 })).toBeUndefined()
    expect(route({ protocol: 'udp' })).toBeUndefined()
  })

  it('goes by the name that the client meant', () => {
    const route = setUp([{ name: 'corp', config: intercept(['*.corp.ziti']) }])
    expect(route({ address: '100.64.0.2', hostname: 'db.corp.ziti' })).toBe('corp by identity 0')
    expect(route({ address: '100.64.0.2' })).toBeUndefined()
  })

  it('needs a source that the intercept allows', () => {
    const route = setUp([{ name: 'web', config: intercept(['10.0.0.1'], 80, 80, { allowedSourceAddresses: ['192.168.0.0/24'] }) }])
    expect(route({ source: '192.168.0.5' })).toBe('web by identity 0')
    expect(route({ source: '192.168.1.5' })).toBeUndefined()
  })
})
