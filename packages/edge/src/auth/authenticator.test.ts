import type { LogLevel } from '@tunnel/flow'
import { createVirtualClock } from '@tunnel/flow/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createControllerPool } from '../controller/controller-pool.ts'
import { createHttpClient } from '../controller/http-client.ts'
import { createRestClient } from '../controller/rest-client.ts'
import { advance, eventually } from '../controller/testing/settle.ts'
import { createStubController, type StubController } from '../controller/testing/stub-controller.ts'
import { createStubNetwork, type StubNetwork } from '../controller/testing/stub-network.ts'
import { createTestPki, type Issued, type TestPki } from '../controller/testing/test-pki.ts'
import type { ApiSession, TokenChange } from '../controller/types.ts'
import { createAuthenticator, type AuthenticatorOptions } from './authenticator.ts'

let pki: TestPki
let identity: Issued
const open: (() => unknown)[] = []
beforeAll(async () => {
  pki = await createTestPki()
  identity = await pki.issue('client1')
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function scene(options: Partial<AuthenticatorOptions> & { network?: StubNetwork; controllers?: number } = {}) {
  const network = options.network ?? createStubNetwork()
  const stubs: StubController[] = []
  for (let count = 0; count < (options.controllers ?? 1); count += 1) stubs.push(await createStubController(pki, (request) => network.handler(request)))
  const clock = createVirtualClock()
  const logged: [LogLevel, string][] = []
  const credentials = { ca: pki.ca, cert: identity.cert, key: identity.key }
  const http = createHttpClient({ credentials, path: {} })
  const rest = createRestClient(http, createControllerPool({ urls: stubs.map(({ origin }) => origin) }))
  const authenticator = createAuthenticator({
    rest, credentials, clock, random: () => 0, log: (level, _source, message) => logged.push([level, message]), ...options,
  })
  const changes: [TokenChange, ApiSession][] = []
  authenticator.onToken((session, change) => changes.push([change, session]))
  open.push(() => http.close(), ...stubs.map((stub) => () => stub.close()))
  const [stub] = stubs
  return { network, stub: stub!, stubs, clock, logged, authenticator, changes, rest }
}

const changed = (changes: readonly unknown[], count: number) => eventually(() => changes.length).toBe(count)

describe('login', () => {
  it('is OIDC where the controller has it: code with PKCE, nothing followed', async () => {
    const { authenticator, stub } = await scene()
    const session = await authenticator.start()
    expect(session).toMatchObject({ kind: 'oidc', id: 'asid-1', expiresAt: 1_800_000 })
    expect(session.header()).toEqual({ authorization: `Bearer ${session.token}` })
    expect(stub.log).toEqual([
      'GET /edge/client/v1/version', 'GET /oidc/authorize', 'POST /oidc/login/cert', 'GET /oidc/authorize/callback', 'POST /oidc/oauth/token',
    ])
    expect(stub.requests[1]!.query.get('client_id')).toBe('openziti')
    expect(stub.requests[1]!.query.get('code_challenge_method')).toBe('S256')
    expect(JSON.parse(stub.requests[2]!.body)).toMatchObject({ configTypes: ['all'], sdkInfo: { type: 'ziti-sdk-ts' } })
  })

  it('falls back to the client id of older providers', async () => {
    const network = createStubNetwork()
    network.onlyNativeClient = true
    const { authenticator, stub } = await scene({ network })
    await authenticator.start()
    expect(stub.requests.filter(({ path }) => path === '/oidc/authorize').map(({ query }) => query.get('client_id'))).toEqual(['openziti', 'native'])
  })

  it.each([[['HA_CONTROLLER'], 'auto'], [['OIDC_AUTH'], 'legacy']] as const)(
    'is by session token with capabilities %j and option %j', async (capabilities, auth) => {
      const network = createStubNetwork()
      network.capabilities = [...capabilities]
      const { authenticator } = await scene({ network, auth })
      const session = await authenticator.start()
      expect(session).toMatchObject({ kind: 'legacy', token: 'legacy-1', id: 'cmwrtrnc700z79h7dto3fr6hw' })
      expect(session.header()).toEqual({ 'zt-session': 'legacy-1' })
    })

  it('refuses to go on without OIDC when that is what was asked for', async () => {
    const network = createStubNetwork()
    network.capabilities = []
    const { authenticator } = await scene({ network, auth: 'oidc' })
    await expect(authenticator.start()).rejects.toMatchObject({ code: 'auth.unsupported' })
  })

  it('says that a second factor is not supported', async () => {
    const network = createStubNetwork()
    network.intercept = ({ path }) => (path === '/oidc/login/cert' ? { body: { authQueries: [{ typeId: 'TOTP' }] } } : undefined)
    const { authenticator } = await scene({ network })
    await expect(authenticator.start()).rejects.toMatchObject({ code: 'auth.mfa-required', message: expect.stringContaining('TOTP') })
  })

  it('gives up when the identity is refused, and says why its certificate may be the reason', async () => {
    const old = await pki.issue('old', { notAfter: new Date(Date.now() - 1000) })
    const network = createStubNetwork()
    network.intercept = ({ path }) => (path === '/oidc/login/cert' ? { status: 401 } : undefined)
    const { authenticator, clock } = await scene({ network, credentials: { ca: pki.ca, cert: old.cert, key: old.key } })
    await expect(authenticator.start()).rejects.toMatchObject({ code: 'auth.rejected', message: expect.stringMatching(/certificate ended on .*clock of this host/) })
    expect(clock.pending).toBe(0)
  })

  it('needs a certificate', async () => {
    const { authenticator } = await scene({ credentials: { ca: 'x' } })
    await expect(authenticator.start()).rejects.toMatchObject({ code: 'auth.no-certificate' })
  })

  it('warns of a clock that is wrong', async () => {
    const { authenticator, logged } = await scene({ wallClock: () => Date.now() + 600_000 })
    await authenticator.start()
    expect(logged).toContainEqual(['warn', expect.stringMatching(/clock of this host is (599|60\d) s ahead/)])
  })
})

describe('an OIDC provider that does not keep the rules', () => {
  it.each<[string, (network: StubNetwork) => void]>([
    ['the nonce', (network) => (network.idClaims = { nonce: 'other' })],
    ['another issuer', (network) => (network.idClaims = { iss: 'https://evil.test/oidc' })],
    ['another client', (network) => (network.idClaims = { aud: ['other'] })],
    ['another place', (network) => (network.intercept = ({ path }) => (path === '/oidc/login/cert' ? { status: 302, headers: { location: 'https://evil.test/oidc/authorize/callback?id=1' } } : undefined))],
    ['another path', (network) => (network.intercept = ({ path }) => (path === '/oidc/login/cert' ? { status: 302, headers: { location: '/edge/client/v1/x' } } : undefined))],
    ['state', (network) => (network.intercept = ({ path }) => (path === '/oidc/authorize/callback' ? { status: 302, headers: { location: 'http://localhost:8080/auth/callback?code=c&state=other' } } : undefined))],
    ['sent to another place', (network) => (network.intercept = ({ path }) => (path === '/oidc/authorize/callback' ? { status: 302, headers: { location: 'http://evil.test/auth/callback?code=c' } } : undefined))],
    ['invalid_request', (network) => (network.intercept = ({ path }) => (path === '/oidc/authorize' ? { status: 302, headers: { location: 'http://localhost:8080/auth/callback?error=invalid_request' } } : undefined))],
    ['status 200', (network) => (network.intercept = ({ path }) => (path === '/oidc/authorize' ? { status: 200, body: '<html>' } : undefined))],
  ])('fails by %s, and is tried again later', async (text, change) => {
    const network = createStubNetwork()
    change(network)
    const { authenticator, logged, clock } = await scene({ network })
    const started = authenticator.start()
    started.catch(() => {})
    await eventually(() => logged[0]?.[1]).toContain(text)
    network.idClaims = {}
    network.intercept = () => undefined
    await advance(clock, 5000)
    expect(await started).toMatchObject({ kind: 'oidc' })
  })
})

describe('refresh', () => {
  it('comes between 1/2 and 5/6 of the lifetime, with a new refresh token each time', async () => {
    const { authenticator, clock, changes, network, stub } = await scene({ random: () => 0.5 })
    const first = await authenticator.start()
    await advance(clock, 1_199_999)
    expect(changes).toHaveLength(1)
    await advance(clock, 2)
    await changed(changes, 2)
    expect(changes[1]).toMatchObject(['refreshed', { kind: 'oidc', id: 'asid-1' }])
    expect(authenticator.current()!.token).not.toBe(first.token)
    await advance(clock, 1_200_001)
    await changed(changes, 3)
    expect(network.refreshTokens.size).toBe(1)
    expect(stub.log.filter((line) => line === 'POST /oidc/oauth/token')).toHaveLength(3)
  })

  it('keeps the new refresh token even when the rest of the answer is wrong', async () => {
    const { authenticator, clock, changes, network } = await scene()
    await authenticator.start()
    network.idClaims = { sub: 'somebody else' }
    await advance(clock, 900_000)
    await eventually(() => network.tokens.size).toBe(2)
    network.idClaims = {}
    await advance(clock, 0)
    await changed(changes, 2)
  })

  it('that fails is tried after 5 s, then there is a full login', async () => {
    const { authenticator, clock, changes, network, stub } = await scene()
    await authenticator.start()
    const asked = () => stub.log.filter((line) => line === 'POST /oidc/oauth/token').length
    network.intercept = ({ path, body }) => (path === '/oidc/oauth/token' && body.includes('grant_type=refresh') ? { status: 503 } : undefined)
    await advance(clock, 900_000)
    await eventually(asked).toBe(2)
    await eventually(() => clock.pending).toBe(1)
    await advance(clock, 4999)
    expect(asked()).toBe(2)
    await advance(clock, 1)
    await eventually(asked).toBe(3)
    await eventually(() => clock.pending).toBe(1)
    await advance(clock, 0)
    await changed(changes, 2)
    expect(changes[1]).toMatchObject(['replaced', { id: 'asid-2' }])
  })

  it('that is refused leads to a full login at once', async () => {
    const { authenticator, clock, changes, network } = await scene()
    await authenticator.start()
    network.refreshTokens.clear()
    await advance(clock, 900_000)
    await eventually(() => clock.pending).toBe(1)
    await advance(clock, 0)
    await changed(changes, 2)
    expect(changes[1]![0]).toBe('replaced')
  })

  it('of a legacy session keeps its token and tells nobody', async () => {
    const { authenticator, clock, changes, stub } = await scene({ auth: 'legacy' })
    await authenticator.start()
    await advance(clock, 900_000)
    await eventually(() => authenticator.current()!.expiresAt).toBe(2_700_000)
    expect(stub.log.at(-1)).toBe('GET /edge/client/v1/current-api-session')
    expect(changes).toHaveLength(1)
  })
})

describe('401', () => {
  const call = (rest: Awaited<ReturnType<typeof scene>>['rest'], session: ApiSession) =>
    rest.sendAt(rest.pool.active, { method: 'GET', path: '/current-identity', headers: session.header() }).then(({ status }) => {
      if (status === 401) throw Object.assign(new Error('401'), { name: 'CodedError', code: 'controller.unauthorized', detail: {} })
      return status
    })

  it('of many calls makes one login, and each call is made once more', async () => {
    const { authenticator, network, clock, rest, changes } = await scene()
    await authenticator.start()
    await advance(clock, 10_000)
    network.tokens.clear()
    const answers = await Promise.all(Array.from({ length: 10 }, () => authenticator.authenticated((session) => call(rest, session))))
    expect(answers).toEqual(Array.from({ length: 10 }, () => 200))
    expect(network.logins).toBe(2)
    expect(changes.map(([change]) => change)).toEqual(['replaced', 'replaced'])
  })

  it('again right after a login makes no storm of logins', async () => {
    const { authenticator, network, clock, rest } = await scene()
    await authenticator.start()
    await advance(clock, 10_000)
    const hopeless = () =>
      authenticator.authenticated((session) => {
        network.tokens.clear()
        return call(rest, session)
      })
    for (let turn = 0; turn < 20; turn += 1) await expect(hopeless()).rejects.toThrow()
    expect(network.logins).toBe(2)
    await advance(clock, 5000)
    await eventually(() => network.logins).toBe(3)
  })

  it('while logins fail rejects at once with the reason, and waits 5, 10, 20 ... 60 s between logins', async () => {
    const { authenticator, network, clock, rest, stub } = await scene({ random: () => 0.5 })
    await authenticator.start()
    await advance(clock, 10_000)
    network.tokens.clear()
    network.intercept = ({ path }) => (path === '/edge/client/v1/version' ? { status: 503 } : undefined)
    const tries = () => stub.log.filter((line) => line === 'GET /edge/client/v1/version').length
    await expect(authenticator.authenticated((session) => call(rest, session))).rejects.toMatchObject({ code: 'controller.unavailable' })
    expect(tries()).toBe(2)
    await expect(authenticator.authenticated((session) => call(rest, session))).rejects.toMatchObject({ code: 'controller.unavailable' })
    expect(tries()).toBe(2)
    let expected = 2
    for (const wait of [5000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      await advance(clock, wait - 1)
      expect(tries()).toBe(expected)
      await advance(clock, 1)
      expected += 1
      await eventually(tries).toBe(expected)
      await eventually(() => clock.pending).toBe(1)
    }
    network.intercept = () => undefined
    await advance(clock, 60_000)
    await eventually(() => network.logins).toBe(2)
    expect(await authenticator.authenticated((session) => call(rest, session))).toBe(200)
  })
})

describe('several controllers', () => {
  it('log in at the one that answers', async () => {
    const { authenticator, stubs } = await scene({ controllers: 2 })
    await stubs[0]!.close()
    await authenticator.start()
    expect(stubs[1]!.log).toContain('POST /oidc/oauth/token')
  })

  it('refresh a login of another one', async () => {
    const { authenticator, stubs, clock, changes } = await scene({ controllers: 2 })
    await authenticator.start()
    await stubs[0]!.close()
    await advance(clock, 900_000)
    await changed(changes, 2)
    expect(changes[1]![0]).toBe('refreshed')
    expect(stubs[1]!.log).toEqual(['POST /oidc/oauth/token'])
  })
})

describe('stop', () => {
  it('logs a legacy session out and leaves no timer', async () => {
    const { authenticator, network, clock } = await scene({ auth: 'legacy' })
    await authenticator.start()
    await authenticator.stop()
    expect(network.tokens.size).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('does not wait for a controller that hangs', async () => {
    const { authenticator, network, clock, stub } = await scene({ auth: 'legacy' })
    await authenticator.start()
    network.intercept = () => 'hang'
    const stopped = authenticator.stop()
    await eventually(() => stub.log.at(-1)).toBe('DELETE /edge/client/v1/current-api-session')
    clock.advance(2000)
    await stopped
  })

  it('ends a start that waits', async () => {
    const { authenticator, stub, clock } = await scene()
    await stub.close()
    const started = expect(authenticator.start()).rejects.toMatchObject({ code: 'overlay.closed' })
    await eventually(() => clock.pending).toBe(1)
    await authenticator.stop()
    await started
    expect(clock.pending).toBe(0)
  })
})
