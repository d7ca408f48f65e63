import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { createTestPki } from './controller/testing/test-pki.ts'

/** A controller that hangs up: the overlay waits for the next try, and only a timer is left. */
const program = `
  const { openOverlay } = await import(process.env.EDGE)
  const { controllers, key, cert, ca } = JSON.parse(process.env.IDENTITY)
  const limit = new AbortController()
  process.on('SIGTERM', () => limit.abort())
  const log = (level, source, message) => { if (message.startsWith('login failed')) process.stdout.write('waiting') }
  await openOverlay({ identity: { controllers, key, cert, ca }, signal: limit.signal, log }).catch((error) => process.stdout.write(' ' + error.code))
`

it('a process whose overlay waits for its controller lives, until the overlay is given up', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pki = await createTestPki()
  const identity = { controllers: [`https://localhost:${(server.address() as AddressInfo).port}`], ca: pki.ca, ...(await pki.issue('client')) }
  const child = spawn(process.execPath, ['--conditions=tunnel-source', '--input-type=module', '-e', program], {
    env: { ...process.env, EDGE: new URL('./index.ts', import.meta.url).href, IDENTITY: JSON.stringify(identity) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    // A process with nothing to wait for would be gone in a moment.
    if (chunk.toString() === 'waiting') setTimeout(() => child.kill('SIGTERM'), 100)
    said += chunk
  })
  const [code] = (await once(child, 'exit')) as [number]
  server.close()
  expect({ said, code }).toEqual({ said: 'waiting overlay.closed', code: 0 })
})
