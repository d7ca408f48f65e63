import { describe, expect, it } from 'vitest'
import { createMemoryNetwork } from '../testing.ts'
import type { ServiceFacts } from '../testing.ts'
import type { OwnedService } from '../services/service-directory.ts'
import { buildTable } from './build-table.ts'

const proxy = (port: number, binding?: string) => ({ 'proxy.v1': { port, protocols: ['tcp', 'udp'], binding } })
const intercept = (address: string, port = 80) => ({
  'intercept.v1': { protocols: ['tcp'], addresses: [address], portRanges: [{ low: port, high: port }] },
})

function servicesOf(identity: string, ...facts: ServiceFacts[]): OwnedService[] {
  const network = createMemoryNetwork()
  for (const service of facts) network.addService(service)
  const overlay = network.createIdentity(identity)
  return [...overlay.services.values()].map((service) => ({ overlay, service }))
}

describe('named listeners', () => {
  const ssh = { service: 'ssh', protocol: 'tcp', port: 2222 } as const

  it('are wanted when their service may be dialled, and waited for otherwise', () => {
    const services = servicesOf('me', { name: 'ssh' }, { name: 'bind-only', permissions: ['Bind'] })
    const source = { listeners: [ssh, { ...ssh, service: 'bind-only' }, { ...ssh, service: 'nowhere', port: 1 }] }
    const built = buildTable(services, source)
    expect(built.table.listeners).toEqual([ssh])
    expect(built.waiting).toEqual(['bind-only', 'nowhere'])
    expect([...built.served]).toEqual(['ssh'])
  })

  it('name a service that two identities have only once', () => {
    const services = [...servicesOf('one', { name: 'ssh' }), ...servicesOf('two', { name: 'ssh' })]
    expect(buildTable(services, { listeners: [ssh] }).table.listeners).toEqual([ssh])
  })
})

describe('proxy.v1', () => {
  it('gives a listener per protocol, only where asked for', () => {
    const services = servicesOf('me', { name: 'web', config: proxy(8080, '127.0.0.2') })
    expect(buildTable(services, {}).table.listeners).toEqual([])
    expect(buildTable(services, { proxyConfigs: true }).table.listeners).toEqual([
      { service: 'web', protocol: 'tcp', port: 8080, address: '127.0.0.2' },
      { service: 'web', protocol: 'udp', port: 8080, address: '127.0.0.2' },
    ])
  })

  it('does not repeat what the user names', () => {
    const services = servicesOf('me', { name: 'web', config: proxy(8080) })
    const listeners = [{ service: 'web', protocol: 'tcp', port: 8080 } as const]
    expect(buildTable(services, { listeners, proxyConfigs: true }).table.listeners).toHaveLength(2)
  })

  it('leaves a service with a bad config out, and says why; the others are served', () => {
    const services = servicesOf('me', { name: 'bad', config: proxy(70_000) }, { name: 'good', config: proxy(8080) })
    const built = buildTable(services, { proxyConfigs: true })
    expect([...built.served]).toEqual(['good'])
    expect(built.failed).toMatchObject([{ service: 'bad', error: { code: 'config.invalid' } }])
  })
})

describe('addresses', () => {
  it('come with the identity that dials them: of two that have the service, the first', () => {
    const [first] = servicesOf('one', { name: 'web', config: intercept('10.0.0.1') })
    const [second] = servicesOf('two', { name: 'web', config: intercept('10.0.0.2') })
    const { routes, table } = buildTable([first!, second!], { addresses: true })
    expect(routes.map(({ overlay }) => overlay.identity.name)).toEqual(['one'])
    expect(table.intercepts.map(({ service }) => service)).toEqual([first!.service])
  })

  it('are not produced for interceptors that do not ask', () => {
    const services = servicesOf('me', { name: 'web', config: intercept('10.0.0.1') })
    expect(buildTable(services, { proxyConfigs: true }).table.intercepts).toEqual([])
  })
})
