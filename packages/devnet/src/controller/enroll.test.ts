import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { decodeJwt, importX509, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestPlane } from '../../test/control-plane.ts'
import { createCsr } from '../../test/csr.ts'
import { send } from '../../test/rest-client.ts'
import type { IdentityJson } from '../admin/identity-admin.ts'
import type { ControlPlane } from '../control-plane.ts'
import { createRouterAuthority } from '../state/router-authority.ts'

let plane: ControlPlane
let now = Date.now()
beforeAll(async () => { plane = await startTestPlane({ now: () => now }) })
afterAll(() => plane.close())

const enroll = (token: string, body: unknown, headers = {}, method = 'ott') =>
  send(`${plane.origin}/edge/client/v1/enroll?method=${method}&token=${token}`, { method: 'POST', body, headers, ca: plane.certificates.bundlePem })

const pemType = { 'content-type': 'application/x-pem-file' }
const tokenOf = (jwt: string) => decodeJwt(jwt).jti ?? ''

/** The leaf of an unverified connection: all that a client has at first (protocol section 1.4). */
function peerLeaf(): Promise<string> {
  const { hostname, port } = new URL(plane.origin)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.toString())
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe('an enrollment token', () => {
  it('is signed with the key of the leaf that the controller shows, and names channel addresses', async () => {
    const { id, enrollmentToken } = await plane.identities.create('signed')
    const leaf = await peerLeaf()
    const { payload, protectedHeader } = await jwtVerify(enrollmentToken, await importX509(leaf, 'ES256'), { currentDate: new Date(now) })
    expect(payload).toMatchObject({ iss: plane.origin, sub: id, em: 'ott', ctrls: [`tls:${new URL(plane.origin).host}`] })
    expect(protectedHeader.kid).toBe(new X509Certificate(leaf).fingerprint.replaceAll(':', '').toLowerCase())
  })

  it('buys one certificate for a PEM request, with which the identity logs in', async () => {
    const { id, enrollmentToken } = await plane.identities.create('pem')
    const { csrPem, keyPem } = await createCsr()
    const answer = await enroll(tokenOf(enrollmentToken), csrPem, pemType)
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.body.data)).toEqual(['cert'])
    expect(answer.body.data.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(new X509Certificate(answer.body.data.cert).subject).toContain(`CN=${id}`)
    const identity: IdentityJson = {
      ztAPI: '', ztAPIs: [], configTypes: null, enableHa: false,
      id: { key: `pem:${keyPem}`, cert: `pem:${answer.body.data.cert}`, ca: `pem:${plane.certificates.bundlePem}` },
    }
    const login = await send(`${plane.origin}/edge/client/v1/authenticate?method=cert`, { method: 'POST', body: {}, identity })
    expect(login.body.data.identityId).toBe(id)
    const again = await enroll(tokenOf(enrollmentToken), csrPem, pemType)
    expect([again.status, again.body.error.code]).toEqual([400, 'INVALID_ENROLLMENT_TOKEN'])
    expect(() => plane.identities.json('pem')).toThrow(/no file to give/)
  })

  it('takes JSON requests, and answers in PEM to those who do not ask for JSON', async () => {
    const json = await plane.identities.create('json')
    const { csrPem } = await createCsr()
    expect((await enroll(tokenOf(json.enrollmentToken), { clientCsr: csrPem })).body.data.cert).toContain('BEGIN CERTIFICATE')
    const plain = await plane.identities.create('plain')
    const answer = await enroll(tokenOf(plain.enrollmentToken), csrPem, { ...pemType, accept: '*/*' })
    expect(answer.headers['content-type']).toBe('application/x-pem-file')
    expect(answer.text).toMatch(/^-----BEGIN CERTIFICATE/)
  })

  it('gives one certificate to two requests at once', async () => {
    const { enrollmentToken } = await plane.identities.create('raced')
    const { csrPem } = await createCsr()
    const answers = await Promise.all([1, 2, 3].map(() => enroll(tokenOf(enrollmentToken), csrPem, pemType)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
  })

  it('survives a bad request and no other method', async () => {
    const { enrollmentToken } = await plane.identities.create('careless')
    const token = tokenOf(enrollmentToken)
    expect((await enroll(token, 'no request', pemType)).body.error.code).toBe('COULD_NOT_PROCESS_CSR')
    expect((await enroll(token, '', pemType, 'updb')).body.error.code).toBe('INVALID_ENROLL_METHOD')
    expect((await enroll(token, (await createCsr()).csrPem, pemType)).status).toBe(200)
  })

  it('ends: unknown, expired, spent by the identity file, or of a deleted identity', async () => {
    const { csrPem } = await createCsr()
    const expired = await plane.identities.create('expired')
    now += 8 * 24 * 60 * 60 * 1000
    const filed = await plane.identities.create('filed')
    plane.identities.json('filed')
    const deleted = await plane.identities.create('deleted')
    plane.identities.delete('deleted')
    for (const token of ['', 'x', tokenOf(expired.enrollmentToken), tokenOf(filed.enrollmentToken), tokenOf(deleted.enrollmentToken)]) {
      expect((await enroll(token, csrPem, pemType)).body.error.code).toBe('INVALID_ENROLLMENT_TOKEN')
    }
  })
})

describe('a session certificate', () => {
  it('is good for routers in the session that it was made for, and for no login', async () => {
    await plane.identities.create('keyless')
    const identity = plane.identities.json('keyless')
    const api = `${plane.origin}/edge/client/v1`
    const login = await send(`${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity })
    const token = String(login.headers['zt-session'])
    const { csrPem, keyPem } = await createCsr()
    const answer = await send(`${api}/current-api-session/certificates`, { method: 'POST', headers: { 'zt-session': token }, identity, body: { csr: csrPem } })
    expect(answer.status).toBe(201)
    const { certificate, id } = answer.body.data
    const leaf = new X509Certificate(certificate)
    expect(leaf.subjectAltName).toContain(`/apiSession/${login.body.data.id}/apiSessionCertificate/${id}`)
    expect(createRouterAuthority(plane.state).checkApiSession(token, leaf.raw)).toMatchObject({ identityName: 'keyless' })
    const file = { ...identity, id: { ...identity.id, key: `pem:${keyPem}`, cert: `pem:${certificate}` } }
    expect((await send(`${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity: file })).status).toBe(401)
  })
})

describe('renewal of a certificate', () => {
  it('takes effect when the client confirms it', async () => {
    await plane.identities.create('renewing')
    const identity = plane.identities.json('renewing')
    const api = `${plane.origin}/edge/client/v1`
    const login = await send(`${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity })
    const headers = { 'zt-session': String(login.headers['zt-session']) }
    const path = `${api}/current-identity/authenticators/${login.body.data.authenticatorId}`
    const { csrPem, keyPem } = await createCsr()
    const extended = await send(`${path}/extend`, { method: 'POST', headers, identity, body: { clientCertCsr: csrPem } })
    const renewed = { ...identity, id: { ...identity.id, key: `pem:${keyPem}`, cert: `pem:${extended.body.data.clientCert}` } }
    const logInWith = (file: IdentityJson) => send(`${api}/authenticate?method=cert`, { method: 'POST', body: {}, identity: file })
    expect((await logInWith(renewed)).status).toBe(401)
    expect((await send(`${path}/extend-verify`, { method: 'POST', headers, identity, body: { clientCert: 'another' } })).status).toBe(400)
    const verified = await send(`${path}/extend-verify`, { method: 'POST', headers, identity, body: { clientCert: extended.body.data.clientCert } })
    expect(verified.status).toBe(200)
    expect((await logInWith(renewed)).status).toBe(200)
    expect((await logInWith(identity)).body.error.code).toBe('INVALID_AUTH')
  })
})
