import { createServer, connect, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { CodedError, formatEndpoint, isCodedError, pump, SendWindow, systemClock, toCodedError, unmapAddress, type PumpResult } from './index.ts'
import { fromSocket } from './node.ts'

const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('the example of the README', () => {
  it('relays bytes, ends and counts', async () => {
    const database = await listen(createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)))
    const closed: PumpResult[] = []
    const relay = await listen(
      createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
        const server = connect({ port: database, host: '127.0.0.1', allowHalfOpen: true })
        pump(fromSocket(client), fromSocket(server), (result) => closed.push(result))
      }),
    )
    const text = await new Promise<string>((resolve) => {
      let received = ''
      const client = connect({ port: relay, host: '127.0.0.1', allowHalfOpen: true })
      client.on('data', (data) => (received += String(data))).on('end', () => resolve(received))
      client.end('select 1')
    })
    expect(text).toBe('select 1')
    await expect.poll(() => closed).toEqual([{ leftToRight: 8, rightToLeft: 8 }])
  })
})

describe('CodedError', () => {
  it('is known by its code, also when another copy of the class made it', () => {
    const error = new CodedError('dial.timeout', 'no answer', { detail: { service: 'ssh' }, cause: 1 })
    const foreign = Object.assign(new Error('no answer'), { name: 'CodedError', code: 'dial.timeout' })
    expect([isCodedError(error), isCodedError(error, 'dial.timeout'), isCodedError(error, 'dial.refused')]).toEqual([true, true, false])
    expect([isCodedError(foreign), isCodedError(new Error('no')), isCodedError('no')]).toEqual([true, false, false])
    expect([error.detail, error.cause]).toEqual([{ service: 'ssh' }, 1])
  })

  it('wraps anything that was thrown, once', () => {
    const wrapped = toCodedError(new TypeError('odd'), 'test.odd')
    expect([wrapped.code, wrapped.message, (wrapped.cause as Error).name]).toEqual(['test.odd', 'odd', 'TypeError'])
    expect(toCodedError(wrapped, 'test.other')).toBe(wrapped)
    expect(toCodedError('text', 'test.odd').message).toBe('text')
  })
})

describe('SendWindow', () => {
  it('closes at the limit, lets one chunk pass, and opens at half', () => {
    const window = new SendWindow(100)
    expect([window.admit(), window.filled(99), window.admit(), window.filled(100)]).toEqual([true, true, true, false])
    expect([window.admit(), window.filled(150), window.admit()]).toEqual([true, false, false])
    expect([window.emptied(51), window.emptied(50), window.emptied(0)]).toEqual([false, true, false])
    expect([window.full, window.admit(), window.filled(10)]).toEqual([false, true, true])
  })
})

describe('formatEndpoint', () => {
  it('brackets IPv6', () => {
    expect(formatEndpoint({ address: '1.2.3.4', port: 80 })).toBe('1.2.3.4:80')
    expect(formatEndpoint({ address: '::1', port: 80 })).toBe('[::1]:80')
  })
})

describe('unmapAddress', () => {
  it('shows IPv4 addresses as such, and leaves the rest', () => {
    expect(['::ffff:1.2.3.4', '1.2.3.4', '::1', '::ffff:0:1'].map(unmapAddress)).toEqual(['1.2.3.4', '1.2.3.4', '::1', '::ffff:0:1'])
  })
})

describe('systemClock', () => {
  it('goes on, calls once, and not when cancelled', async () => {
    const start = systemClock.now()
    const calls: string[] = []
    systemClock.after(1, () => calls.push('cancelled'))()
    await new Promise<void>((resolve) => {
      systemClock.after(2, () => {
        calls.push('called')
        resolve()
      })
      // The clock's timers do not keep the process alive; this one does.
      setTimeout(() => {}, 20)
    })
    expect(calls).toEqual(['called'])
    expect(systemClock.now()).toBeGreaterThan(start)
  })
})
