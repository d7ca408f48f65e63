import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { echoThrough } from './transfer.ts'

let server: Server | undefined
afterEach(() => server?.close())

async function serve(handle: (socket: Socket) => void): Promise<{ address: string; port: number }> {
  server = createServer({ allowHalfOpen: true }, handle)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

describe('echoThrough', () => {
  it('gets back what it sent', async () => {
    const at = await serve((socket) => socket.pipe(socket))
    const seen: number[] = []
    const result = await echoThrough(at, 1_000_001, (bytes) => seen.push(bytes))
    expect(result.bytes).toBe(1_000_001)
    expect(result.receivedHash).toBe(result.sentHash)
    expect(seen.at(-1)).toBe(1_000_001)
  })

  it('tells by the hash when a byte was changed', async () => {
    const at = await serve((socket) => {
      socket.on('data', (chunk) => {
        chunk[0] = chunk[0]! ^ 1
        socket.write(chunk)
      })
      socket.on('end', () => socket.end())
    })
    const result = await echoThrough(at, 10_000, () => {})
    expect(result.bytes).toBe(10_000)
    expect(result.receivedHash).not.toBe(result.sentHash)
  })

  it('rejects when nobody listens', async () => {
    const at = await serve(() => {})
    await new Promise((resolve) => server!.close(resolve))
    await expect(echoThrough(at, 10, () => {})).rejects.toThrow('ECONNREFUSED')
  })
})
