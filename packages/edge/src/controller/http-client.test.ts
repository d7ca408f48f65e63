import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createVirtualClock } from '@tunnel/flow/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDeferred } from './deferred.ts'
import { createHttpClient, type HttpClientOptions } from './http-client.ts'
import { settle } from './testing/settle.ts'
import { createStubController, type StubController, type StubHandler } from './testing/stub-controller.ts'
import { createTestPki, type TestPki } from './testing/test-pki.ts'

let pki: TestPki
const open: (() => unknown)[] = []
beforeAll(async () => {
  pki = await createTestPki()
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function served(handler: StubHandler): Promise<StubController> {
  const stub = await createStubController(pki, handler)
  open.push(() => stub.close())
  return stub
}

function client(options: Partial<HttpClientOptions> = {}) {
  const http = createHttpClient({ credentials: { ca: pki.ca }, path: {}, ...options })
  open.push(() => http.close())
  return {
    get: (url: string, signal?: AbortSignal) => http.send({ method: 'GET', url: new URL(url), signal }),
    post: (url: string, body: string) => http.send({ method: 'POST', url: new URL(url), body }),
  }
}

describe('an exchange', () => {
  it('sends method, headers and body, and shows the client certificate', async () => {
    const stub = await served(() => ({ status: 201, headers: { 'x-seen': 'yes' }, body: 'grüße' }))
    const { cert, key } = await pki.issue('client')
    const answer = await client({ credentials: { ca: pki.ca, cert, key } }).post(`${stub.origin}/a?b=c`, '{"ü":1}')
    expect(answer).toMatchObject({ status: 201, body: 'grüße', headers: { 'x-seen': 'yes' } })
    expect(stub.requests[0]).toMatchObject({ method: 'POST', path: '/a', body: '{"ü":1}', clientCert: true })
  })

  it('keeps its connection for the next', async () => {
    const stub = await served(() => ({}))
    const http = client()
    for (let turn = 0; turn < 3; turn += 1) await http.get(stub.origin)
    expect(stub.connections).toBe(1)
  })

  it('keeps it also when the time to connect would be over', async () => {
    const stub = await served(() => ({}))
    const clock = createVirtualClock()
    const http = client({ clock })
    await http.get(stub.origin)
    clock.advance(60_000)
    await settle()
    await http.get(stub.origin)
    expect(stub.connections).toBe(1)
  })

  it('follows no redirect', async () => {
    const stub = await served(() => ({ status: 302, headers: { location: '/elsewhere' } }))
    expect(await client().get(stub.origin)).toMatchObject({ status: 302, headers: { location: '/elsewhere' } })
    expect(stub.log).toEqual(['GET /'])
  })

  it('decodes gzip that was not asked for', async () => {
    const stub = await served(() => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync('plain') }))
    expect((await client().get(stub.origin)).body).toBe('plain')
  })

  it.each([
    ['longer than the bound', () => ({ body: 'x'.repeat(2000) })],
    ['a gzip bomb', () => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync('x'.repeat(2000)) })],
    ['no gzip', () => ({ headers: { 'content-encoding': 'gzip' }, body: 'plain' })],
    ['of an unknown encoding', () => ({ headers: { 'content-encoding': 'lzma' }, body: 'plain' })],
  ] as [string, StubHandler][])('refuses an answer that is %s', async (_what, handler) => {
    const stub = await served(handler)
    await expect(client({ maxBodyBytes: 1000 }).get(stub.origin)).rejects.toMatchObject({ code: 'controller.malformed' })
  })

  it('ends after 30 s', async () => {
    const clock = createVirtualClock()
    const arrived = createDeferred<void>()
    const stub = await served(() => {
      arrived.resolve()
      return 'hang'
    })
    const answer = expect(client({ clock }).get(stub.origin)).rejects.toMatchObject({ code: 'controller.timeout' })
    await arrived.promise
    clock.advance(30_000)
    await answer
  })

  it('ends when its caller gives up', async () => {
    const stub = await served(() => 'hang')
    const abort = new AbortController()
    const answer = expect(client().get(stub.origin, abort.signal)).rejects.toMatchObject({ code: 'controller.aborted' })
    await settle()
    abort.abort()
    await answer
  })

  it('says when the connection breaks, or none can be made', async () => {
    const stub = await served(() => 'drop')
    await expect(client().get(stub.origin)).rejects.toMatchObject({ code: 'controller.unreachable' })
    await stub.close()
    await expect(client().get(stub.origin)).rejects.toMatchObject({ code: 'controller.unreachable', message: expect.stringContaining('ECONNREFUSED') })
  })

  it('says when the peer speaks no TLS', async () => {
    const server = createServer().listen(0, '127.0.0.1', () => {})
    await new Promise((resolve) => server.once('listening', resolve))
    open.push(() => server.close())
    const { port } = server.address() as AddressInfo
    await expect(client().get(`https://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'controller.unreachable' })
  })
})

describe('trust', () => {
  it('is refused to a certificate of another authority', async () => {
    const stub = await served(() => ({}))
    const other = await createTestPki()
    const answer = client({ credentials: { ca: other.ca } }).get(stub.origin)
    await expect(answer).rejects.toMatchObject({ code: 'controller.untrusted', message: expect.stringContaining('CA bundle') })
    expect(stub.log).toEqual([])
  })

  it.each([
    [{ notBefore: new Date(Date.now() + 3_600_000) }, 'not valid yet by the clock of this host'],
    [{ notAfter: new Date(Date.now() - 3_600_000) }, 'has expired by the clock of this host'],
  ])('of a certificate outside its time names the clock', async (validity, text) => {
    const stub = await createStubController(pki, () => ({}), await pki.issue('controller', validity))
    open.push(() => stub.close())
    await expect(client().get(stub.origin)).rejects.toMatchObject({ code: 'controller.untrusted', message: expect.stringContaining(text) })
  })

  it('needs credentials that can be read', () => {
    expect(() => createHttpClient({ credentials: { cert: 'x', key: 'y' }, path: {} })).toThrow(expect.objectContaining({ code: 'identity.credentials' }))
  })

  it('is refused to a certificate for other names', async () => {
    const stub = await served(() => ({}))
    const url = stub.origin.replace('127.0.0.1', 'other.test')
    const lookup: HttpClientOptions['path']['lookup'] = (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }])
    await expect(client({ path: { lookup } }).get(url)).rejects.toMatchObject({ code: 'controller.untrusted', message: expect.stringContaining('other names') })
  })

  it('by a pin sends nothing before the pin has said yes', async () => {
    const stub = await served(() => ({ body: 'ok' }))
    const refuse = client({ credentials: {}, pin: async () => Promise.reject(new Error('not this one')) })
    await expect(refuse.get(stub.origin)).rejects.toThrow('not this one')
    expect(stub.log).toEqual([])
    const leaves: Buffer[] = []
    const accept = client({ credentials: {}, pin: async (leaf) => void leaves.push(leaf) })
    expect(await accept.get(stub.origin)).toMatchObject({ body: 'ok' })
    expect(leaves[0]).toBeInstanceOf(Buffer)
  })
})

describe('the way out of this host', () => {
  it('is a socket of the caller', async () => {
    const stub = await served(() => ({ body: 'ok' }))
    const targets: unknown[] = []
    const { port } = new URL(stub.origin)
    const path: HttpClientOptions['path'] = {
      connect: async (target) => {
        targets.push(target)
        return connect(Number(port), '127.0.0.1')
      },
    }
    expect(await client({ path }).get('https://localhost:9/')).toMatchObject({ body: 'ok' })
    expect(targets).toEqual([{ host: 'localhost', port: 9 }])
  })

  it('is an HTTP proxy with credentials', async () => {
    const stub = await served(() => ({ body: 'ok' }))
    const seen: unknown[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket) => {
      seen.push(request.url, request.headers['proxy-authorization'])
      const upstream = connect(Number(new URL(stub.origin).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
      open.push(() => socket.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    open.push(() => proxy.close())
    const { port } = proxy.address() as AddressInfo
    const path = { proxy: `http://user:p%40ss@127.0.0.1:${port}` }
    expect(await client({ path }).get('https://localhost:1280/')).toMatchObject({ body: 'ok' })
    expect(seen).toEqual(['localhost:1280', `Basic ${Buffer.from('user:p@ss').toString('base64')}`])
  })

  it('is refused by a proxy in words, without its password', async () => {
    const proxy = createServer()
    proxy.on('connect', (_request, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'))
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    open.push(() => proxy.close())
    const { port } = proxy.address() as AddressInfo
    const failure = await client({ path: { proxy: `http://user:secret@127.0.0.1:${port}` } }).get('https://localhost/').catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'controller.proxy', message: expect.stringContaining('407') })
    expect(String(failure)).not.toContain('secret')
  })

  it('says that it is the proxy that does not answer', async () => {
    const gone = createServer()
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const failure = await client({ path: { proxy: `http://user:secret@127.0.0.1:${port}` } }).get('https://localhost/').catch((error: Error) => error)
    const message = expect.stringMatching(`^Proxy 127\\.0\\.0\\.1:${port} cannot be used: .*ECONNREFUSED`)
    expect(failure).toMatchObject({ code: 'controller.unreachable', message })
    expect(String(failure)).not.toContain('secret')
  })
})
