import { createHash } from 'node:crypto'
import { readCapture } from './captures.ts'
import type { StubAnswer, StubHandler, StubRequest } from './stub-controller.ts'

/** The state of a controller that answers with captures, and what tests change in it. */
export interface StubNetwork {
  capabilities: string[]
  /** Refuses `client_id=openziti`, as old providers do. */
  onlyNativeClient: boolean
  lastChangeAt: string
  services: Record<string, unknown>[]
  /** Tokens that are accepted; empty it to log everybody out. */
  readonly tokens: Set<string>
  readonly refreshTokens: Set<string>
  /** Seconds. */
  lifetime: number
  logins: number
  sessionsMade: number
  /** Overrides an answer: return `undefined` to leave it. */
  intercept: (request: StubRequest) => StubAnswer | 'hang' | 'drop' | undefined
  /** Replaces claims of the id token. */
  idClaims: Record<string, unknown>
  readonly handler: StubHandler
}

const base = '/edge/client/v1'

export function createStubNetwork(): StubNetwork {
  const listed = readCapture('oidc-services-configtypes-all').body as { data: Record<string, unknown>[] }
  const oidc = createOidc()
  const network: StubNetwork = {
    capabilities: ['OIDC_AUTH', 'HA_CONTROLLER'],
    onlyNativeClient: false,
    lastChangeAt: '2026-11-22T12:40:31.161Z',
    services: listed.data,
    tokens: new Set(),
    refreshTokens: new Set(),
    lifetime: 1800,
    logins: 0,
    sessionsMade: 0,
    intercept: () => undefined,
    idClaims: {},
    handler: (request) => network.intercept(request) ?? oidc(network, request) ?? publicAnswer(network, request) ?? privateAnswer(network, request),
  }
  return network
}

function publicAnswer(network: StubNetwork, request: StubRequest): StubAnswer | undefined {
  if (request.path === `${base}/version`) {
    const { data } = readCapture('version').body as { data: object }
    return { body: { data: { ...data, capabilities: network.capabilities }, meta: {} } }
  }
  if (request.path === `${base}/authenticate`) {
    if (!request.clientCert) return unauthorized()
    network.logins += 1
    const token = `legacy-${network.logins}`
    network.tokens.add(token)
    const { data } = readCapture('authenticate-cert').body as { data: object }
    return { body: { data: { ...data, token, expirationSeconds: network.lifetime }, meta: {} } }
  }
  return undefined
}

function privateAnswer(network: StubNetwork, request: StubRequest): StubAnswer | undefined {
  const token = request.headers['zt-session'] ?? request.headers.authorization?.replace('Bearer ', '')
  if (typeof token !== 'string' || !network.tokens.has(token)) return unauthorized()
  const path = request.path.slice(base.length)
  if (path === '/services') return servicesPage(network, request)
  if (path === '/current-api-session/service-updates') return { body: { data: { lastChangeAt: network.lastChangeAt }, meta: {} } }
  if (path === '/sessions' && request.method === 'POST') return newSession(network, request)
  if (path === '/current-api-session' && request.method === 'DELETE') {
    network.tokens.delete(token)
    return replay('legacy-logout')
  }
  if (path === '/current-api-session') {
    const { data } = readCapture('legacy-current-api-session').body as { data: object }
    return { body: { data: { ...data, token, expirationSeconds: network.lifetime }, meta: {} } }
  }
  if (path === '/current-identity') return replay('oidc-current-identity')
  if (path === '/current-identity/edge-routers') return replay('oidc-current-identity-edge-routers')
  if (path === '/controllers') return replay('oidc-controllers')
  if (path === '/posture-response') return replay('oidc-posture-response')
  if (/^\/services\/[^/]+\/edge-routers$/.test(path)) return replay('oidc-service-echo-edge-routers')
  if (/^\/services\/[^/]+\/terminators$/.test(path)) return replay('oidc-service-echo-terminators')
  return undefined
}

function servicesPage(network: StubNetwork, request: StubRequest): StubAnswer {
  const limit = Math.min(Number(request.query.get('limit') ?? 10), 500)
  const offset = Number(request.query.get('offset') ?? 0)
  const data = network.services.slice(offset, offset + limit)
  return { body: { data, meta: { pagination: { limit, offset, totalCount: network.services.length } } } }
}

function newSession(network: StubNetwork, request: StubRequest): StubAnswer {
  const { serviceId, type } = JSON.parse(request.body) as { serviceId: string; type: string }
  const service = network.services.find(({ id }) => id === serviceId)
  if (service === undefined || !(service['permissions'] as string[]).includes(type)) return replay('oidc-session-bind-denied')
  network.sessionsMade += 1
  const { data } = readCapture('oidc-session-dial-echo').body as { data: object }
  return { status: 201, body: { data: { ...data, serviceId, type, token: `session-${network.sessionsMade}`, id: `id-${network.sessionsMade}` }, meta: {} } }
}

/** The flow of the captures, with ids of its own and PKCE checked. */
function createOidc() {
  const requests = new Map<string, URLSearchParams>()
  return (network: StubNetwork, request: StubRequest): StubAnswer | undefined => {
    if (request.path === '/oidc/authorize') {
      const clientId = request.query.get('client_id')
      if (network.onlyNativeClient && clientId !== 'native') return { status: 400, body: 'unable to retrieve client by id' }
      const id = `request-${requests.size + 1}`
      requests.set(id, request.query)
      return { status: 302, headers: { location: `/oidc/login/cert?authRequestID=${id}` } }
    }
    if (request.path === '/oidc/login/cert') {
      if (!request.clientCert) return unauthorized()
      return { status: 302, headers: { location: `${request.origin}/oidc/authorize/callback?id=${request.query.get('id')}` } }
    }
    if (request.path === '/oidc/authorize/callback') {
      const id = request.query.get('id') ?? ''
      const asked = requests.get(id)
      return { status: 302, headers: { location: `${asked?.get('redirect_uri')}?code=code-${id}&state=${asked?.get('state')}` } }
    }
    return request.path === '/oidc/oauth/token' ? tokenAnswer(network, request, requests) : undefined
  }
}

function tokenAnswer(network: StubNetwork, request: StubRequest, requests: ReadonlyMap<string, URLSearchParams>): StubAnswer {
  const form = new URLSearchParams(request.body)
  const clientId = form.get('client_id') ?? ''
  if (form.get('grant_type') === 'refresh_token') {
    const old = form.get('refresh_token') ?? ''
    // Stricter than 2.0.3: a token works once.
    if (!network.refreshTokens.delete(old)) return { status: 400, body: { error: 'invalid_grant' } }
    return tokens(network, request.origin, clientId, old.split('.')[3] ?? '', undefined)
  }
  const asked = requests.get((form.get('code') ?? '').slice('code-'.length))
  const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
  if (asked?.get('code_challenge') !== challenge || asked.get('client_id') !== clientId) return { status: 400, body: { error: 'invalid_grant' } }
  network.logins += 1
  return tokens(network, request.origin, clientId, `asid-${network.logins}`, asked.get('nonce') ?? undefined)
}

let serial = 0

function tokens(network: StubNetwork, origin: string, clientId: string, apiSessionId: string, nonce: string | undefined): StubAnswer {
  serial += 1
  const iat = Math.floor(Date.now() / 1000)
  const claims = { iss: `${origin}/oidc`, sub: 'BVgLd7EDp', aud: [clientId], iat, exp: iat + network.lifetime, jti: String(serial) }
  const access = fakeJwt({ ...claims, z_t: 'a', z_asid: apiSessionId })
  // The API session id is kept in it as a fourth part: the stub's own business.
  const refresh = `${fakeJwt({ ...claims, z_t: 'r' })}.${apiSessionId}`
  network.tokens.add(access)
  network.refreshTokens.add(refresh)
  const id = fakeJwt({ ...claims, ...(nonce === undefined ? {} : { nonce }), ...network.idClaims })
  const { body } = readCapture('oidc-token')
  return { body: { ...(body as object), access_token: access, refresh_token: refresh, id_token: id, expires_in: network.lifetime } }
}

function fakeJwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.c2ln`
}

function replay(name: string): StubAnswer {
  const { status, body } = readCapture(name)
  return { status, body }
}

function unauthorized(): StubAnswer {
  return replay('legacy-unauthorized')
}
