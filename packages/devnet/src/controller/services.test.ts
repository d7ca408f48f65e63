import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestPlane } from '../../test/control-plane.ts'
import type { RequestOptions } from '../../test/rest-client.ts'
import { send } from '../../test/rest-client.ts'
import type { ControlPlane } from '../control-plane.ts'
import { createRouterAuthority } from '../state/router-authority.ts'

let plane: ControlPlane
const sessions = new Map<string, string>()
const names = (body: { data: { name: string }[] }) => body.data.map(({ name }) => name)

beforeAll(async () => {
  plane = await startTestPlane()
  for (const [name, roles] of [['alice', ['staff']], ['host', []], ['stranger', []]] as const) {
    await plane.identities.create(name, { roles })
    const login = await send(`${plane.origin}/edge/client/v1/authenticate?method=cert`, {
      method: 'POST', body: { configTypes: ['host.v1'] }, identity: plane.identities.json(name),
    })
    sessions.set(name, String(login.headers['zt-session']))
  }
})
afterAll(() => plane.close())

const as = (name: string, path: string, options: RequestOptions = {}) => send(`${plane.origin}/edge/client/v1${path}`, {
  ...options, ca: plane.certificates.bundlePem, headers: { 'zt-session': sessions.get(name) ?? '' },
})
const openSession = (name: string, serviceId: string, type: string) => as(name, '/sessions', { method: 'POST', body: { serviceId, type } })

describe('policies', () => {
  it('show a service to those who may use it, with what they may', async () => {
    const { id } = plane.services.create('policed', { dial: ['#staff'], bind: ['host'] })
    const permissions = async (name: string) => (await as(name, `/services/${id}`)).body.data?.permissions
    expect(await permissions('alice')).toEqual(['Dial'])
    expect(await permissions('host')).toEqual(['Bind'])
    expect((await as('stranger', `/services/${id}`)).status).toBe(404)
    plane.services.allow({ service: 'policed', dial: ['#all'] })
    expect(await permissions('host')).toEqual(['Dial', 'Bind'])
    expect(await permissions('stranger')).toEqual(['Dial'])
    plane.services.delete('policed')
  })

  it('give sessions, and take them back', async () => {
    const { id } = plane.services.create('taken', { dial: ['alice'] })
    const authority = createRouterAuthority(plane.state)
    const ended: string[] = []
    authority.onServiceSessionEnded?.((session) => ended.push(session))
    const { data } = (await openSession('alice', id, 'Dial')).body
    const apiSession = authority.checkApiSession(sessions.get('alice')!, new Uint8Array())
    expect(apiSession).toBe('foreign')
    const live = { id: data.apiSessionId, identityId: data.identityId, identityName: 'alice', kind: 'legacy' as const }
    expect(authority.checkServiceSession(data.token, live)).toMatchObject({ serviceId: id, type: 'Dial' })
    expect(authority.checkServiceSession(data.token, { ...live, id: 'another' })).toBeUndefined()
    expect((await openSession('alice', id, 'Bind')).body.error).toMatchObject({ code: 'COULD_NOT_VALIDATE', cause: { reason: 'service not found' } })
    expect((await openSession('stranger', id, 'Dial')).status).toBe(404)
    plane.services.deny({ service: 'taken', dial: ['alice'] })
    expect(ended).toEqual([data.id])
    expect(authority.checkServiceSession(data.token, live)).toBeUndefined()
    plane.services.delete('taken')
  })

  it('need a router that is there', async () => {
    const { id } = plane.services.create('stranded', { dial: ['alice'] })
    const router = [...plane.state.routers.values()][0]!
    router.online = false
    expect((await openSession('alice', id, 'Dial')).body.error.code).toBe('NO_EDGE_ROUTERS_AVAILABLE')
    expect((await as('alice', '/current-identity/edge-routers')).body.data[0].isOnline).toBe(false)
    router.online = true
    const { data } = (await openSession('alice', id, 'Dial')).body
    expect((await as('alice', `/sessions/${data.id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await as('alice', `/sessions/${data.id}`)).status).toBe(404)
    plane.services.delete('stranded')
  })
})

describe('changes', () => {
  it('move lastChangeAt, each of them', async () => {
    const lastChange = async () => (await as('alice', '/current-api-session/service-updates')).body.data.lastChangeAt
    const seen = [await lastChange()]
    const steps = [
      () => plane.services.create('moving', { dial: ['alice'] }),
      () => plane.services.update('moving', { encrypted: false }),
      () => plane.services.allow({ service: 'moving', bind: ['host'] }),
      () => plane.services.deny({ service: 'moving', bind: ['host'] }),
      () => plane.services.delete('moving'),
    ]
    for (const step of steps) {
      step()
      seen.push(await lastChange())
    }
    expect(new Set(seen).size).toBe(steps.length + 1)
    expect(seen.toSorted()).toEqual(seen)
    expect(await lastChange()).toBe(seen.at(-1))
  })

  it('keep the id of a config that stays', async () => {
    const { id } = plane.services.create('kept', { dial: ['alice'], configs: { 'host.v1': { port: 1 } } })
    const before = (await as('alice', `/services/${id}`)).body.data
    plane.services.update('kept', { configs: { 'host.v1': { port: 2 }, 'proxy.v1': {} } })
    const after = (await as('alice', `/services/${id}`)).body.data
    expect(after.configs[0]).toBe(before.configs[0])
    expect(after.config).toEqual({ 'host.v1': { port: 2 } })
    expect(after.configs).toHaveLength(2)
    plane.services.delete('kept')
  })

  it('change nothing when they are wrong', () => {
    plane.services.create('right', { dial: ['alice'] })
    for (const hostedBy of [{ target: 'tcp:nowhere' }, { target: 'sctp:a:1' }, { target: 'tcp:a:70000' }, { router: 'none', target: 'tcp:a:1' }]) {
      expect(() => plane.services.update('right', { encrypted: false, hostedBy })).toThrow(/right is hosted/)
    }
    expect(() => plane.services.create('right')).toThrow(/exists/)
    expect([...plane.state.services.values()].find(({ name }) => name === 'right')!.encryptionRequired).toBe(true)
    plane.services.delete('right')
  })
})

describe('lists', () => {
  beforeAll(() => {
    for (let index = 0; index < 620; index++) {
      plane.services.create(`s${index}`, { dial: ['alice'], configs: { 'host.v1': { index }, 'intercept.v1': {} } })
    }
  })

  it('come in pages of 10, of the limit, of 500 at most', async () => {
    expect((await as('alice', '/services')).body.meta.pagination).toEqual({ limit: 10, offset: 0, totalCount: 620 })
    const seen = new Set<string>()
    for (let offset = 0; offset < 620; offset += 25) {
      const { body } = await as('alice', `/services?limit=25&offset=${offset}`)
      for (const name of names(body)) seen.add(name)
    }
    expect(seen.size).toBe(620)
    const capped = await as('alice', '/services?limit=100000&offset=200')
    expect(capped.body.meta.pagination).toEqual({ limit: 500, offset: 200, totalCount: 620 })
    expect(capped.body.data).toHaveLength(420)
    expect((await as('alice', '/services?limit=many')).body.error.code).toBe('INVALID_PAGINATION')
  })

  it('are filtered', async () => {
    const filter = async (text: string) => (await as('alice', `/services?filter=${encodeURIComponent(text)}`)).body
    expect(names(await filter('name="s17"'))).toEqual(['s17'])
    expect((await filter('name contains "61"')).meta.pagination.totalCount).toBe(16)
    expect((await filter('name = "none"')).data).toEqual([])
    expect((await filter('nonsense')).error.code).toBe('INVALID_FILTER')
  })

  it('show the configs that the query asks for, or else the session', async () => {
    const types = async (query: string) => Object.keys((await as('alice', `/services?filter=${encodeURIComponent('name="s1"')}${query}`)).body.data[0].config)
    expect(await types('')).toEqual(['host.v1'])
    expect(await types('&configTypes=all')).toEqual(['host.v1', 'intercept.v1'])
    expect(await types('&configTypes=g7cIWbcGg')).toEqual(['intercept.v1'])
    expect(await types('&configTypes=host.v1&configTypes=intercept.v1')).toEqual(['host.v1', 'intercept.v1'])
    // As in 2.0.3: a comma list is one name that nobody knows.
    expect(await types('&configTypes=host.v1,intercept.v1')).toEqual([])
  })
})
