import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configTypeNames, hostConfigsOf, interceptConfigOf, proxyConfigOf } from './config-of.ts'
import type { Service } from './service.ts'

const service = (config: Record<string, unknown>): Service => ({ id: 'id1', name: 'web', encryptionRequired: true, permissions: ['Dial'], config })
const intercept = { protocols: ['tcp'], addresses: ['new.ziti'], portRanges: [{ low: 80, high: 80 }] }
const host = (port: number) => ({ protocol: 'tcp', address: '127.0.0.1', port })

describe('interceptConfigOf', () => {
  it('prefers intercept.v1', () => {
    const config = { 'ziti-tunneler-client.v1': { hostname: 'old.ziti', port: 80 }, 'intercept.v1': intercept }
    expect(interceptConfigOf(service(config))).toMatchObject({ ok: true, value: { addresses: [{ name: 'new.ziti' }] } })
  })

  it('reads ziti-tunneler-client.v1 as one for tcp and udp (protocol 6.2)', () => {
    expect(interceptConfigOf(service({ 'ziti-tunneler-client.v1': { hostname: 'old.ziti', port: 8080 } }))).toMatchObject({
      ok: true,
      value: { protocols: ['tcp', 'udp'], addresses: [{ name: 'old.ziti' }], portRanges: [{ low: 8080, high: 8080 }] },
    })
  })

  it('gives the error of a bad intercept.v1 with the service, not the older config', () => {
    const result = interceptConfigOf(service({ 'intercept.v1': { ...intercept, addresses: [''] }, 'ziti-tunneler-client.v1': { hostname: 'old.ziti', port: 80 } }))
    expect(result).toMatchObject({ ok: false, error: { code: 'config.invalid', detail: { service: 'web', type: 'intercept.v1', field: 'addresses[0]' } } })
    expect(result?.ok === false && result.error.message).toMatch(/^service "web": intercept\.v1, addresses\[0\]: /)
  })

  it('gives undefined when there is none', () => {
    expect(interceptConfigOf(service({ 'host.v1': host(1), 'intercept.v1': null }))).toBeUndefined()
    expect(interceptConfigOf(service(Object.create({ 'intercept.v1': intercept })))).toBeUndefined()
  })
})

describe('hostConfigsOf (protocol 6.5)', () => {
  const configs = {
    'ziti-tunneler-server.v1': { protocol: 'tcp', hostname: 'localhost', port: 3 },
    'host.v1': host(1),
    'host.v2': { terminators: [host(21), host(22)] },
  }
  const portsOf = (config: Record<string, unknown>) => {
    const result = hostConfigsOf(service(config))
    return result?.ok ? result.value.map(({ port }) => port) : undefined
  }

  it('takes host.v2, else host.v1, else ziti-tunneler-server.v1', () => {
    expect(portsOf(configs)).toEqual([21, 22])
    expect(portsOf({ ...configs, 'host.v2': undefined })).toEqual([1])
    expect(portsOf({ 'ziti-tunneler-server.v1': configs['ziti-tunneler-server.v1'] })).toEqual([3])
    expect(portsOf({})).toBeUndefined()
  })

  it('reads ziti-tunneler-server.v1 as a host.v1 (protocol 6.3)', () => {
    const result = hostConfigsOf(service({ 'ziti-tunneler-server.v1': configs['ziti-tunneler-server.v1'] }))
    expect(result).toMatchObject({ ok: true, value: [{ protocol: 'tcp', address: 'localhost', port: 3, listenOptions: {} }] })
  })
})

describe('proxyConfigOf (protocol 6.6)', () => {
  it('reads port, protocols and binding', () => {
    const proxy = { port: 8080, protocols: ['tcp'], binding: '127.0.0.1' }
    expect(proxyConfigOf(service({ 'proxy.v1': proxy }))).toEqual({ ok: true, value: proxy })
    expect(proxyConfigOf(service({ 'proxy.v1': { protocols: ['tcp'] } }))).toMatchObject({ ok: false, error: { detail: { field: 'port' } } })
  })
})

describe('the services of a real controller', () => {
  const capture = readFileSync(new URL('../../testdata/legacy-services-configtypes-all.json', import.meta.url), 'utf8')
  const services = (JSON.parse(capture) as { body: { data: Service[] } }).body.data

  it('have configs of every type, and all of them are read', () => {
    const types = new Set(services.flatMap(({ config }) => Object.keys(config)))
    expect([...types].sort()).toEqual([...configTypeNames].sort())
    for (const each of services) {
      for (const result of [interceptConfigOf(each), hostConfigsOf(each), proxyConfigOf(each)]) expect(result?.ok ?? true).toBe(true)
    }
  })
})
