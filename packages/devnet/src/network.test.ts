import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ContentType, HeaderId, boolHeader, encodeString, encodeUint32 } from '@tunnel/edge/wire'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../test/channel.ts'
import { openChannel } from '../test/channel.ts'
import { logInWithOidc } from '../test/oidc-login.ts'
import type { RequestOptions } from '../test/rest-client.ts'
import { send } from '../test/rest-client.ts'
import type { IdentityJson } from './admin/identity-admin.ts'
import type { Network } from './network.ts'
import { createNetwork } from './network.ts'

let network: Network
let client: IdentityJson
const cleanups: (() => unknown)[] = []

beforeEach(async () => {
  network = await createNetwork({ routers: 2 })
  await network.createIdentity('client')
  client = network.identityJson('client')
})
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean()
  await network.close()
})

const post = (path: string, options: RequestOptions) => send(client.ztAPI + path, { method: 'POST', identity: client, ...options })
const logIn = async () => String((await post('/authenticate?method=cert', { body: {} })).headers['zt-session'])
const openDial = async (token: string, serviceId: string) =>
  (await post('/sessions', { headers: { 'zt-session': token }, body: { serviceId, type: 'Dial' } })).body.data

async function routerUrl(token: string, name: string): Promise<string> {
  const { body } = await send(`${client.ztAPI}/current-identity/edge-routers`, { headers: { 'zt-session': token }, identity: client })
  return body.data.find((router: { name: string }) => router.name === name).supportedProtocols.tls
}

async function channelTo(name: string, token: string, urlToken = token): Promise<Channel> {
  const channel = await openChannel(await routerUrl(urlToken, name), client, token)
  cleanups.push(() => channel.socket.destroy())
  const hello = await channel.next()
  expect(boolHeader(hello.headers, HeaderId.ResultSuccess)).toBe(true)
  return channel
}

async function startEcho(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  cleanups.push(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('a dial', () => {
  it('goes from login to the target of a router and back', async () => {
    const { id } = network.createService('echo', { dial: ['client'], encrypted: false, hostedBy: { router: 'router-2', target: `tcp:127.0.0.1:${await startEcho()}` } })
    const token = await logIn()
    const session = await openDial(token, id)
    expect(session.edgeRouters.map((router: { name: string }) => router.name)).toEqual(['router-1', 'router-2'])
    // By the other router, so over their link.
    const channel = await channelTo('router-1', token)
    channel.send(ContentType.Connect, [[HeaderId.ConnId, encodeUint32(7)]], encodeString(session.token))
    expect((await channel.next()).contentType).toBe(ContentType.StateConnected)
    channel.send(ContentType.Data, [[HeaderId.ConnId, encodeUint32(7)]], encodeString('hello'))
    const data = await channel.next()
    expect([data.contentType, new TextDecoder().decode(data.body)]).toEqual([ContentType.Data, 'hello'])
    network.killLink('router-1', 'router-2')
    expect((await channel.next()).contentType).toBe(ContentType.StateClosed)
  })

  it('ends when the policy does', async () => {
    const { id } = network.createService('echo', { dial: ['client'], encrypted: false, hostedBy: { target: `tcp:127.0.0.1:${await startEcho()}` } })
    const token = await logIn()
    const session = await openDial(token, id)
    const channel = await channelTo('router-1', token)
    channel.send(ContentType.Connect, [[HeaderId.ConnId, encodeUint32(1)]], encodeString(session.token))
    expect((await channel.next()).contentType).toBe(ContentType.StateConnected)
    network.deny({ service: 'echo', dial: ['client'] })
    expect((await channel.next()).contentType).toBe(ContentType.StateClosed)
    channel.send(ContentType.Connect, [[HeaderId.ConnId, encodeUint32(2)]], encodeString(session.token))
    expect((await channel.next()).contentType).toBe(ContentType.StateClosed)
  })

  it('is refused as often as ordered', async () => {
    const { id } = network.createService('echo', { dial: ['client'], encrypted: false, hostedBy: { target: `tcp:127.0.0.1:${await startEcho()}` } })
    const token = await logIn()
    const session = await openDial(token, id)
    const channel = await channelTo('router-1', token)
    network.refuseDials({ count: 1, service: 'echo', text: 'not today' })
    channel.send(ContentType.Connect, [[HeaderId.ConnId, encodeUint32(1)]], encodeString(session.token))
    const refused = await channel.next()
    expect([refused.contentType, new TextDecoder().decode(refused.body)]).toEqual([ContentType.StateClosed, 'not today'])
    channel.send(ContentType.Connect, [[HeaderId.ConnId, encodeUint32(2)]], encodeString(session.token))
    expect((await channel.next()).contentType).toBe(ContentType.StateConnected)
  })
})

describe('channels', () => {
  it('close with their router, which comes back on its port', async () => {
    const { id } = network.createService('any', { dial: ['client'] })
    const token = await logIn()
    const url = await routerUrl(token, 'router-1')
    const channel = await channelTo('router-1', token)
    network.killRouter('router-1')
    await channel.closed
    expect((await openDial(token, id)).edgeRouters.map((router: { name: string }) => router.name)).toEqual(['router-2'])
    await expect(openChannel(url, client, token)).rejects.toThrow(/ECONNREFUSED/)
    await network.startRouter('router-1')
    expect(await routerUrl(token, 'router-1')).toBe(url)
    await channelTo('router-1', token)
  })

  it('close by order: those of an identity, those of a router', async () => {
    await network.createIdentity('other')
    const token = await logIn()
    const channels = [await channelTo('router-1', token), await channelTo('router-2', token), await channelTo('router-2', token)]
    await expect.poll(() => network.routerStats('router-2').channels).toBe(2)
    expect(network.dropChannels('other')).toBe(0)
    expect(network.dropChannels('router-2')).toBe(2)
    expect(network.dropChannels('client')).toBe(1)
    await Promise.all(channels.map((channel) => channel.closed))
    expect(() => network.dropChannels('nobody')).toThrow(/nobody/)
  })

  it('close with their session: logout of a legacy one, expiry of an access token', async () => {
    const token = await logIn()
    const legacy = await channelTo('router-1', token)
    const { access_token: access, refresh_token: refresh } = (await logInWithOidc(network.controllerUrl, client)).token.body
    const oidc = await channelTo('router-1', access, token)
    await send(`${client.ztAPI}/current-api-session`, { method: 'DELETE', identity: client, headers: { 'zt-session': token } })
    await legacy.closed
    expect(oidc.socket.closed).toBe(false)
    network.expireTokens('client')
    await oidc.closed
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'openziti', refresh_token: refresh })
    const refreshed = await send(`${network.controllerUrl}/oidc/oauth/token`, { method: 'POST', identity: client, body: form })
    await channelTo('router-1', refreshed.body.access_token, await logIn())
  })

  it('wait while their router is frozen', async () => {
    const token = await logIn()
    const channel = await channelTo('router-1', token)
    network.freezeRouter('router-1')
    channel.send(ContentType.Latency)
    const answer = channel.next()
    expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 30, 'silence'))])).toBe('silence')
    network.resumeRouter('router-1')
    expect((await answer).contentType).toBe(ContentType.Result)
  })
})

describe('certificates', () => {
  it('past their end log in nowhere', async () => {
    network.expireCertificates('client')
    expect((await post('/authenticate?method=cert', { body: {} })).body.error.code).toBe('INVALID_AUTH')
  })

  it('of another network are strangers', async () => {
    const other = await createNetwork()
    cleanups.push(() => other.close())
    await expect(send(`${other.controllerUrl}/version`, { identity: client })).rejects.toThrow(/self-signed|unable to/)
    const login = await send(`${other.controllerUrl}/edge/client/v1/authenticate?method=cert`, { method: 'POST', body: {}, identity: client, ca: other.caPem })
    expect(login.status).toBe(401)
  })
})

describe('save', () => {
  it('writes what other programs need, for their owner only', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'devnet-'))
    cleanups.push(() => rm(directory, { recursive: true }))
    const waiting = await network.createIdentity('waiting')
    const paths = await network.save(directory)
    expect(paths.map((path) => path.slice(directory.length + 1)).toSorted()).toEqual(['ca.pem', 'client.json', 'waiting.jwt'])
    expect(JSON.parse(await readFile(join(directory, 'client.json'), 'utf8'))).toEqual(client)
    expect(decodeJwt(await readFile(join(directory, 'waiting.jwt'), 'utf8')).sub).toBe(waiting.id)
    expect((await stat(join(directory, 'client.json'))).mode & 0o777).toBe(0o600)
  })
})

it('names what does not exist', async () => {
  await expect(network.createIdentity('client')).rejects.toMatchObject({ code: 'devnet.duplicate' })
  expect(() => network.identityJson('x')).toThrow(/no identity is named x/)
  expect(() => network.deleteService('x')).toThrow(/no service is named x/)
  expect(() => network.killRouter('x')).toThrow(/this network has router-1, router-2/)
})
