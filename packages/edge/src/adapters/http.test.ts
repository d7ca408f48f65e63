import { EventEmitter } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { createServer as createSecureServer, get as secureGet, type Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Service } from '@tunnel/config'
import type { CodedError, Flow } from '@tunnel/flow'
import { createFlowPair } from '@tunnel/flow/testing'
import { fetch } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import type { IncomingCall } from '../bind/incoming-call.ts'
import { createTestPki } from '../controller/testing/test-pki.ts'
import type { EdgeOverlay } from '../overlay.ts'
import { bindServer, callerOf } from './bind-server.ts'
import { createAgent, createHttpsAgent } from './http-agent.ts'
import { createDispatcher } from './undici-dispatcher.ts'

const service = (name: string, config: Service['config'] = {}): Service => ({ id: name, name, encryptionRequired: false, permissions: ['Dial', 'Bind'], config })
const intercept = { protocols: ['tcp'], addresses: ['*.corp.ziti', 'localhost'], portRanges: [{ low: 80, high: 80 }, { low: 443, high: 443 }] }

/** Dials go straight to the one who binds. */
function loopback() {
  const services = new Map([['web', service('web', { 'intercept.v1': intercept })]])
  const dialled: Readonly<Record<string, string>>[] = []
  let accept: (call: IncomingCall) => void = () => {}
  const overlay: Pick<EdgeOverlay, 'services' | 'dial' | 'bind'> = {
    services,
    async dial({ name }, { appData = {} }): Promise<Flow> {
      const [near, far] = createFlowPair()
      dialled.push(appData)
      accept({ service: name, appData, callerId: 'alice', accept: () => far, acceptDatagrams: () => { throw new Error('no datagrams') }, refuse: () => {} })
      return near
    },
    async bind(_service, _options, listener) {
      accept = listener
      return { established: 1, ready: Promise.resolve(), update() {}, close: async () => {} }
    },
  }
  return { overlay, dialled }
}

let server: Server | undefined
afterEach(() => server?.close())

const hosted = async () => {
  const network = loopback()
  server = createServer((incoming, response) => {
    response.setHeader('x-caller', callerOf(incoming.socket)?.callerId ?? '')
    void text(incoming).then((body) => response.end(`${incoming.method} ${incoming.url} ${body}`))
  })
  await bindServer(network.overlay, 'web', server)
  return network
}

const post = (url: string, agent: ReturnType<typeof createAgent>, body: string): Promise<{ body: string; caller: unknown; reused: boolean }> =>
  new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method: 'POST' }, (response) => {
      text(response).then((answer) => resolve({ body: answer, caller: response.headers['x-caller'], reused: outgoing.reusedSocket }), reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })

describe('node:http over the overlay', () => {
  it('reaches a hosted server by service name, and tells it who calls', async () => {
    const { overlay, dialled } = await hosted()
    expect(await post('http://web/path', createAgent(overlay), 'ping')).toEqual({ body: 'POST /path ping', caller: 'alice', reused: false })
    expect(dialled).toEqual([{ dst_protocol: 'tcp', dst_hostname: 'web', dst_port: '80' }])
  })

  it('reaches it by an intercepted address', async () => {
    const { overlay } = await hosted()
    expect((await post('http://db.corp.ziti/', createAgent(overlay), '')).body).toBe('POST / ')
  })

  it('uses a connection again when the agent keeps it', async () => {
    const { overlay, dialled } = await hosted()
    const agent = createAgent(overlay, { keepAlive: true })
    await post('http://web/1', agent, '')
    expect((await post('http://web/2', agent, '')).reused).toBe(true)
    expect(dialled).toHaveLength(1)
    agent.destroy()
  })

  it('speaks TLS with the server of the service', async () => {
    const { overlay } = loopback()
    const pki = await createTestPki()
    await bindServer(overlay, 'web', createSecureServer({ ...(await pki.issue('web')) }, (_incoming, response) => response.end('secret')))
    const answer = (agent: HttpsAgent): Promise<string> =>
      new Promise((resolve, reject) => secureGet('https://localhost/', { agent }, (response) => resolve(text(response))).on('error', reject))
    expect(await answer(createHttpsAgent(overlay, { ca: pki.ca }))).toBe('secret')
    await expect(answer(createHttpsAgent(overlay))).rejects.toMatchObject({ code: expect.stringContaining('VERIFY') })
  })

  it('says that there is no such service', async () => {
    const { overlay } = await hosted()
    await expect(post('http://nowhere.example/', createAgent(overlay), '')).rejects.toMatchObject({ code: 'dial.no-service' })
  })

  it('refuses to host a service that is not known', async () => {
    const { overlay } = loopback()
    await expect(bindServer(overlay, 'nothing', createServer())).rejects.toMatchObject({ code: 'bind.no-service' } satisfies Partial<CodedError>)
  })
})

describe('undici over the overlay', () => {
  it('fetches from a hosted server', async () => {
    const { overlay } = await hosted()
    const dispatcher = createDispatcher(overlay)
    const response = await fetch('http://web/x', { dispatcher, method: 'POST', body: 'ping' })
    expect(await response.text()).toBe('POST /x ping')
    await dispatcher.close()
  })

  it('speaks TLS with the server of the service', async () => {
    const { overlay } = loopback()
    const pki = await createTestPki()
    const secure = createSecureServer({ ...(await pki.issue('web')) }, (_incoming, response) => response.end('secret'))
    await bindServer(overlay, 'web', secure)
    const dispatcher = createDispatcher(overlay, { ca: pki.ca })
    expect(await (await fetch('https://localhost/', { dispatcher })).text()).toBe('secret')
    await dispatcher.close()
    const strict = createDispatcher(overlay)
    await expect(fetch('https://localhost/', { dispatcher: strict })).rejects.toMatchObject({ cause: { code: expect.stringContaining('VERIFY') } })
    await strict.close()
  })

  it('gives up a server that does not answer the TLS handshake', async () => {
    const { overlay } = loopback()
    const mute = new EventEmitter().on('connection', (socket: Duplex) => socket.on('error', () => {}))
    await bindServer(overlay, 'web', mute)
    const dispatcher = createDispatcher(overlay, { dialTimeout: 100 })
    await expect(fetch('https://localhost/', { dispatcher })).rejects.toMatchObject({ cause: { code: 'UND_ERR_CONNECT_TIMEOUT' } })
    await dispatcher.close()
  })
})
