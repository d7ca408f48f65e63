import { once } from 'node:events'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { startTestPlane } from '../../test/control-plane.ts'
import { send } from '../../test/rest-client.ts'
import type { IdentityJson } from '../admin/identity-admin.ts'
import type { ControlPlane } from '../control-plane.ts'
import { maximumBodyBytes } from './read-body.ts'

let plane: ControlPlane
let identity: IdentityJson
beforeAll(async () => {
  plane = await startTestPlane()
  await plane.identities.create('client')
  identity = plane.identities.json('client')
  for (let index = 0; index < 30; index++) plane.services.create(`s${index}`, { dial: ['client'] })
})
afterAll(() => plane.close())

const api = '/edge/client/v1'
const get = (path: string, headers = {}) => send(plane.origin + path, { identity, headers })

/** A raw TLS connection; its socket is in the test's hands. */
async function openSocket(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { hostname, port } = new URL(plane.origin)
  const { key, cert, ca } = identity.id
  const socket = connect({ host: hostname, port: Number(port), key: key.slice(4), cert: cert.slice(4), ca: ca.slice(4), ...options })
  await once(socket, 'secureConnect')
  return socket
}

async function readAll(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

describe('the connection', () => {
  it('serves the C SDK: TLS 1.2 without ALPN, pipelined requests answered in order', async () => {
    const socket = await openSocket({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
    expect(socket.getProtocol()).toBe('TLSv1.2')
    const body = JSON.stringify({ configTypes: ['intercept.v1', 'ziti-tunneler-client.v1'] })
    socket.write(`GET ${api}/version HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n`
      + `POST ${api}/authenticate?method=cert HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      + `GET ${api}/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const answers = await readAll(socket)
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404'])
    expect(answers).toMatch(/Zt-Session: [0-9a-f-]{36}\r\n/)
  })

  it('offers http/1.1 and refuses what it does not speak', async () => {
    expect((await openSocket({ ALPNProtocols: ['h2', 'http/1.1'] })).destroy().alpnProtocol).toBe('http/1.1')
    await expect(openSocket({ ALPNProtocols: ['ziti-edge'] })).rejects.toThrow(/alert|no_application_protocol|reset|disconnected/i)
  })

  it('compresses for those who ask', async () => {
    const login = await send(`${plane.origin}${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity })
    const socket = await openSocket()
    socket.write(`GET ${api}/services?limit=25&offset=0 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, deflate\r\nConnection: close\r\n`
      + `zt-session: ${String(login.headers['zt-session'])}\r\n\r\n`)
    const [head, ...rest] = (await readAll(socket)).split('\r\n\r\n')
    expect(head).toMatch(/Content-Encoding: gzip/)
    expect(JSON.parse(gunzipSync(Buffer.from(rest.join('\r\n\r\n'), 'latin1')).toString()).data).toHaveLength(25)
  })
})

describe('hostile input', () => {
  it('that is no HTTP gets 400 and no more', async () => {
    const socket = await openSocket()
    socket.write('\0\x01\x02garbage\r\n\r\n')
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 400 /)
    expect((await get('/version')).status).toBe(200)
  })

  it('that is too large is refused without being held', async () => {
    const answer = await send(`${plane.origin}${api}/authenticate?method=cert`, { method: 'POST', body: 'x'.repeat(maximumBodyBytes + 1), identity })
    expect([answer.status, answer.body.error.code]).toEqual([413, 'REQUEST_TOO_LARGE'])
  })

  it('that stops half-way leaves others alone', async () => {
    const socket = await openSocket()
    socket.write(`POST ${api}/authenticate?method=cert HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half":`)
    expect((await get('/version')).status).toBe(200)
    socket.destroy()
    expect((await get('/version')).status).toBe(200)
  })

  it('of any path, query and body gets an answer that is no 500', async () => {
    const login = await send(`${plane.origin}${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity })
    const headers = { 'zt-session': String(login.headers['zt-session']), 'content-type': 'application/json' }
    const paths = ['/services', '/sessions', '/enroll', '/authenticate', '/posture-response', '/posture-response-bulk', '/controllers',
      '/current-api-session/certificates', '/services/%', '/sessions/%2e%2e', '//', '/%00', '/current-identity/authenticators/x/extend']
    const oidcPaths = ['/oidc/authorize', '/oidc/login/cert', '/oidc/oauth/token', '/oidc/authorize/callback', '/oidc/revoke', '/oidc/login/x']
    await fc.assert(fc.asyncProperty(
      fc.constantFrom(...paths.map((path) => api + path), ...oidcPaths), fc.constantFrom('GET', 'POST', 'DELETE', 'PUT'), fc.string(), fc.json(),
      async (path, method, value, body) => {
        const query = new URLSearchParams({ filter: value, limit: value, id: value, method: value, client_id: 'openziti', redirect_uri: value })
        const answer = await send(`${plane.origin}${path}?${query}`, { method, headers, body, identity })
        expect(answer.status).toBeLessThan(500)
      },
    ), { numRuns: 150 })
  })

  it('cannot make names of the prototype into members', async () => {
    const login = await send(`${plane.origin}${api}/authenticate?method=cert`, {
      method: 'POST', identity, headers: { 'content-type': 'application/json' },
      body: '{"__proto__":{"x":1},"sdkInfo":{"__proto__":{"type":"y"},"type":"t"},"configTypes":[1,null,{"a":1},"all"]}',
    })
    expect(login.body.data.configTypes).toEqual(['all'])
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})

describe('faults by order', () => {
  it('stop takes the port away, start gives the same back, and sessions live on', async () => {
    const login = await send(`${plane.origin}${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity })
    const headers = { 'zt-session': String(login.headers['zt-session']) }
    const open = await openSocket()
    const closed = once(open, 'close')
    await plane.stop()
    await closed
    await expect(get('/version')).rejects.toThrow(/ECONNREFUSED/)
    await plane.start()
    expect((await get(`${api}/services`, headers)).status).toBe(200)
  })

  it('refuses as many requests as it was told, of the path it was told', async () => {
    plane.faults.refuse({ count: 2, path: '/version', with: 'TIMEOUT' })
    expect((await get('/oidc/keys')).status).toBe(200)
    expect([(await get('/version')).status, (await get('/version')).status, (await get('/version')).status]).toEqual([503, 503, 200])
    plane.faults.refuse({ count: 1, with: 'hang-up' })
    await expect(get('/version')).rejects.toThrow(/socket hang up|ECONNRESET/)
    expect((await get('/version')).status).toBe(200)
  })

  it('delays its answers', async () => {
    plane.faults.delay = 60
    const before = performance.now()
    await get('/version')
    expect(performance.now() - before).toBeGreaterThanOrEqual(59)
    plane.faults.delay = 0
  })
})
