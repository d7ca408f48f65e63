import { parseHostV1 } from '@tunnel/config'
import type { HostV1, Service } from '@tunnel/config'
import { describe, expect, it } from 'vitest'
import { createMemoryNetwork } from '../testing.ts'
import { baselineOf, bindOptionsOf } from './bind-options.ts'

const service: Service = { id: 's1', name: 'web', encryptionRequired: true, permissions: ['Bind'], config: {} }

function hostOf(listenOptions: Record<string, unknown> = {}): HostV1 {
  const host = parseHostV1({ protocol: 'tcp', address: 'localhost', port: 80, listenOptions })
  if (!host.ok) throw host.error
  return host.value
}

const identityOf = (facts: Parameters<ReturnType<typeof createMemoryNetwork>['createIdentity']>[1] = {}) =>
  createMemoryNetwork().createIdentity('node-7', { appData: { site: 'ams' }, ...facts }).identity

describe('cost and precedence (protocol section 5.5)', () => {
  it('of the identity are overridden by the config, and that by what the identity has for the service', () => {
    const defaults = { defaultHostingCost: 5, defaultHostingPrecedence: 'failed' } as const
    expect(baselineOf(service, hostOf(), identityOf(defaults))).toEqual({ cost: 5, precedence: 'failed' })
    const config = hostOf({ cost: 0, precedence: 'default' })
    expect(baselineOf(service, config, identityOf(defaults))).toEqual({ cost: 0, precedence: 'default' })
    const own = { ...defaults, serviceHostingCosts: { s1: 9, s2: 1 }, serviceHostingPrecedences: { s1: 'required' } } as const
    expect(baselineOf(service, config, identityOf(own))).toEqual({ cost: 9, precedence: 'required' })
  })
})

describe('the instance', () => {
  it('is what the template makes of the identity', () => {
    expect(bindOptionsOf(service, hostOf(), identityOf())).toMatchObject({ value: { cost: 0 } })
    expect(bindOptionsOf(service, hostOf(), identityOf())).not.toHaveProperty('value.identity')
    const template = { identity: '$tunneler_id.name@$tunneler_id.appData[site]', maxConnections: 2 }
    expect(bindOptionsOf(service, hostOf(template), identityOf())).toMatchObject({ value: { identity: 'node-7@ams', maxConnections: 2 } })
  })

  it('is the name of the identity where the config says so, whatever else it says', () => {
    const both = { bindUsingEdgeIdentity: true, identity: 'other' }
    expect(bindOptionsOf(service, hostOf(both), identityOf())).toMatchObject({ value: { identity: 'node-7' } })
  })

  it('fails for a template that is broken', () => {
    expect(bindOptionsOf(service, hostOf({ identity: '$tunneler_id.appData[site' }), identityOf())).toMatchObject({
      ok: false,
      error: { code: 'config.template' },
    })
  })
})
