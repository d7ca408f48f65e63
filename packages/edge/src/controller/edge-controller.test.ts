import { describe, expect, it } from 'vitest'
import { createControllerPool } from './controller-pool.ts'
import { createEdgeController } from './edge-controller.ts'
import type { HttpRequest, HttpResponse } from './http-client.ts'
import { createRestClient } from './rest-client.ts'
import { readCapture } from './testing/captures.ts'
import type { ApiSession } from './types.ts'

const session: ApiSession = { kind: 'legacy', token: 't', expiresAt: 0, header: () => ({ 'zt-session': 't' }) }

/** An `EdgeController` over `answer`, without a network. */
function scene(answer: (request: HttpRequest) => { status?: number; headers?: HttpResponse['headers']; body: unknown }) {
  const sent: HttpRequest[] = []
  const http = {
    async send(request: HttpRequest): Promise<HttpResponse> {
      sent.push(request)
      const { status = 200, headers = {}, body } = answer(request)
      return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
    },
    close() {},
  }
  const rest = createRestClient(http, createControllerPool({ urls: ['https://c:1280'] }))
  return { sent, controller: createEdgeController({ rest, authenticated: (call) => call(session) }) }
}

const replay = (name: string) => () => {
  const { status, body } = readCapture(name)
  return { status, body }
}

describe('requests', () => {
  it('go to the client API with the login of now', async () => {
    const { controller, sent } = scene(replay('legacy-session-dial-echo'))
    expect(await controller.createSession('4T4rOTuHzCnzydUV7vaQjd', 'Dial')).toMatchObject({ id: 'cmwrtrnlp00z99h7do68dkmy6', token: 'JWT', type: 'Dial' })
    expect(sent[0]).toMatchObject({ method: 'POST', body: '{"serviceId":"4T4rOTuHzCnzydUV7vaQjd","type":"Dial"}', headers: { 'zt-session': 't' } })
    expect(sent[0]!.url.href).toBe('https://c:1280/edge/client/v1/sessions')
  })

  it('ask for the version without a login', async () => {
    const { controller, sent } = scene(replay('version'))
    expect(await controller.version()).toMatchObject({ version: 'v2.0.3', capabilities: ['OIDC_AUTH', 'OIDC_AUTH_WITH_CSR', 'HA_CONTROLLER'] })
    expect(sent[0]!.headers).toEqual({})
  })

  it('read all pages of the services, with all configs', async () => {
    const all = Array.from({ length: 1203 }, (_, index) => ({ id: `s${index}`, name: `n${index}` }))
    const { controller, sent } = scene(({ url }) => {
      const offset = Number(url.searchParams.get('offset'))
      return { body: { data: all.slice(offset, offset + 500), meta: { pagination: { limit: 500, offset, totalCount: all.length } } } }
    })
    expect(await controller.services()).toHaveLength(1203)
    expect(sent.map(({ url }) => url.search)).toEqual([0, 500, 1000].map((offset) => `?configTypes=all&limit=500&offset=${offset}`))
  })

  it('end with a list that never ends', async () => {
    const { controller } = scene(() => ({ body: { data: Array.from({ length: 500 }, () => ({ id: 'x', name: 'x' })), meta: { pagination: { totalCount: 1e9 } } } }))
    await expect(controller.services()).rejects.toMatchObject({ code: 'controller.malformed' })
  })

  it('send the service token where the routers depend on it', async () => {
    const { controller, sent } = scene(replay('oidc-service-echo-edge-routers'))
    expect(await controller.serviceEdgeRouters('a/b', 'jwt')).toHaveLength(1)
    expect(sent[0]).toMatchObject({ headers: { 'session-token': 'jwt', 'zt-session': 't' } })
    expect(sent[0]!.url.pathname).toBe('/edge/client/v1/services/a%2Fb/edge-routers')
  })

  it('read routers, terminators, identity and the time of the last change', async () => {
    expect(await scene(replay('oidc-current-identity-edge-routers')).controller.currentIdentityEdgeRouters()).toHaveLength(1)
    expect(await scene(replay('legacy-session-get-echo')).controller.sessionEdgeRouters('x')).toHaveLength(1)
    expect(await scene(replay('oidc-service-echo-terminators')).controller.terminators('x')).toEqual([
      { id: '7YOIiE5jp8Spd5nPdGpvwc', identity: '', routerId: 'WwlkYotBt', serviceId: '4T4rOTuHzCnzydUV7vaQjd' },
    ])
    expect(await scene(replay('oidc-current-identity')).controller.currentIdentity()).toEqual({
      id: 'BVgLd7EDp', name: 'client1', appData: {}, defaultHostingCost: 0, defaultHostingPrecedence: 'default',
      serviceHostingCosts: {}, serviceHostingPrecedences: {},
    })
    expect(await scene(replay('oidc-service-updates')).controller.serviceUpdates()).toBe('2026-11-22T12:40:31.161Z')
  })

  it.each([404, 501])('take a %i for the list of controllers as none', async (status) => {
    expect(await scene(() => ({ status, body: '' })).controller.controllers()).toEqual([])
  })
})

describe('refusals', () => {
  it.each([
    [401, 'controller.unauthorized'], [404, 'controller.not-found'], [400, 'controller.refused'], [409, 'controller.refused'],
    [429, 'controller.unavailable'], [500, 'controller.unavailable'], [503, 'controller.unavailable'], [302, 'controller.malformed'],
  ])('of status %i are %s', async (status, code) => {
    await expect(scene(() => ({ status, body: '<html>' })).controller.serviceUpdates()).rejects.toMatchObject({ code, detail: { status } })
  })

  it('carry what the controller says, and when to come again', async () => {
    const { status, body } = readCapture('legacy-session-bind-denied')
    const { controller } = scene(() => ({ status, body, headers: { 'retry-after': '7' } }))
    await expect(controller.createSession('x', 'Bind')).rejects.toMatchObject({
      message: expect.stringMatching(/COULD_NOT_VALIDATE.*ServiceId: service not found/),
      detail: { apiCode: 'COULD_NOT_VALIDATE', field: 'ServiceId', reason: 'service not found', retryAfter: 7000 },
    })
  })

  it('of an answer that is not as it must be name the field, not its value', async () => {
    const { controller } = scene(() => ({ body: { data: { id: 'x', token: 5, secret: 'hush', type: 'Dial', serviceId: 'y' } } }))
    const error = await controller.createSession('y', 'Dial').catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'controller.malformed', message: expect.stringContaining('data.token') })
    expect(String(error)).not.toContain('hush')
    await expect(scene(() => ({ body: 'oops' })).controller.currentIdentity()).rejects.toMatchObject({ message: expect.stringContaining('not JSON') })
  })
})
