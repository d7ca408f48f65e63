import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { CodedError, silentLog, systemClock } from '@tunnel/flow'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createTestPki } from '../controller/testing/test-pki.ts'
import type { ApiSession, ControllerSession, TokenChange, TokenListener } from '../controller/types.ts'
import { ContentType, encodeFrame, FrameReader, HeaderId, stringHeader } from '../wire.ts'
import { ChannelOpener } from './channel-opener.ts'
import { replyForHeader } from './frame-writer.ts'
import { RouterPool } from './router-pool.ts'

let server: Server
let ca: string
/** Tokens as the router got them, by hello or by UpdateToken. */
let tokens: string[]
/** Runs before the router answers a hello; false: it does not. */
let onHello: () => boolean

beforeAll(async () => {
  const pki = await createTestPki()
  const { cert, key } = await pki.issue('router')
  ca = pki.ca
  server = createServer({ cert, key, ALPNProtocols: ['ziti-edge'] }, (socket) => {
    const answer = (contentType: number, sequence: number): void => {
      const headers = [replyForHeader(sequence), [HeaderId.ResultSuccess, Uint8Array.of(1)] as const]
      socket.write(encodeFrame({ contentType, sequence, headers }))
    }
    const reader = new FrameReader({
      refused: () => socket.destroy(),
      frame: ({ contentType, sequence, headers, body }) => {
        const hello = contentType === ContentType.Hello
        tokens.push(hello ? `hello ${stringHeader(headers, HeaderId.SessionToken)}` : Buffer.from(body).toString())
        if (!hello || onHello()) answer(hello ? ContentType.Result : ContentType.UpdateTokenSuccess, sequence)
      },
    })
    socket.on('data', (chunk) => reader.push(chunk)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.close())
beforeEach(() => {
  tokens = []
  onHello = () => true
})

const session = (token: string, expiresAt = Infinity): ApiSession => ({ kind: 'oidc', token, expiresAt, header: () => ({}) })

function harness(expiresAt?: number) {
  let current = session('one', expiresAt)
  const listeners: TokenListener[] = []
  const tokenRefused = vi.fn(async (): Promise<ApiSession> => {
    throw new CodedError('controller.unreachable', 'the controller is down')
  })
  const onToken = (listener: TokenListener): unknown => listeners.push(listener)
  const controller = { credentials: { ca }, path: {}, current: () => current, onToken, tokenRefused }
  const opener = new ChannelOpener({ controller: controller as unknown as ControllerSession, clock: systemClock, log: silentLog })
  const pool = new RouterPool({ channelsPerRouter: 1, clock: systemClock, log: silentLog, random: () => 0, open: (router, signal) => opener.open(router, signal) })
  opener.follow(pool)
  const { port } = server.address() as AddressInfo
  const router = { name: 'r', url: `tls://localhost:${port}`, host: 'localhost', port, online: true }
  const changes = (token: string, change: TokenChange): void => {
    current = session(token)
    for (const listener of listeners) listener(current, change)
  }
  return { pool, router, changes, tokenRefused }
}

it('brings the token to a channel that was being opened when it was refreshed', async () => {
  const { pool, router, changes } = harness()
  onHello = () => {
    changes('two', 'refreshed')
    return true
  }
  await pool.forDial([router])
  await expect.poll(() => tokens).toEqual(['hello one', 'two'])
  await pool.close(new CodedError('overlay.closed', 'over'))
})

it('opens once more when the login was replaced meanwhile', async () => {
  const { pool, router, changes } = harness()
  onHello = () => {
    onHello = () => true
    changes('two', 'replaced')
    return true
  }
  const channel = await pool.forDial([router])
  expect(tokens).toEqual(['hello one', 'hello two'])
  expect(channel.closed).toBeUndefined()
  await pool.close(new CodedError('overlay.closed', 'over'))
})

it('gives up at once when the pool is closed, also in the hello', async () => {
  const { pool, router } = harness()
  const asked = new Promise<void>((resolve) => {
    onHello = () => {
      resolve()
      return false
    }
  })
  const dial = pool.forDial([router]).catch((error: CodedError) => error.message)
  await asked
  await pool.close(new CodedError('overlay.closed', 'over'))
  expect(await dial).toContain('over')
  await expect.poll(() => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0)
})

it('shows no router a token that has expired, but logs in first', async () => {
  const { pool, router, changes, tokenRefused } = harness(-1)
  await expect(pool.forDial([router])).rejects.toThrow('the controller is down')
  tokenRefused.mockImplementation(async () => {
    changes('two', 'replaced')
    return session('two')
  })
  await pool.forDial([router])
  expect(tokens).toEqual(['hello two'])
  await pool.close(new CodedError('overlay.closed', 'over'))
})
