import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadIdentity } from '@tunnel/config'
import { createNetwork, type Network } from '@tunnel/devnet'
import { openOverlay } from '@tunnel/edge'
import { toDuplex } from '@tunnel/flow/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start, type Running } from '../support/programs.ts'
import { scratchFolder } from '../support/real-servers.ts'
import { exchange } from './exchange.ts'

/**
 * A client that nobody here wrote: the C SDK 0.29.3, as pip installs it. It meets our network (devnet) and, through it, our
 * SDK: both must tell the same story about the wire protocol and the crypto.
 */
const python = process.env['TUNNEL_TEST_PYTHON'] ?? join(homedir(), '.cache/ziti-tunnel-test/venv/bin/python')
const installed = spawnSync(python, ['-c', 'import openziti']).status === 0
const script = fileURLToPath(new URL('peer/exchange.py', import.meta.url))
const bytes = 64 * 2 ** 20

const folder = scratchFolder('interop')
let network: Network
let overlay: Awaited<ReturnType<typeof openOverlay>>
const started: Running[] = []

const peer = (role: 'dial' | 'host', service: string): Running => {
  const running = start(python, ['-u', script, role, join(folder, 'c-sdk.json'), service, String(bytes)])
  started.push(running)
  return running
}

const serviceNamed = (name: string) => {
  const service = overlay.services.get(name)
  if (service === undefined) throw new Error(`no service ${name}`)
  return service
}

describe.skipIf(!installed)('the C SDK 0.29.3', () => {
  beforeAll(async () => {
    network = await createNetwork({ auth: 'both' })
    await network.createIdentity('c-sdk')
    await network.createIdentity('ours')
    for (const encrypted of [true, false]) {
      const suffix = encrypted ? 'sealed' : 'plain'
      await network.createService(`ours-${suffix}`, { encrypted, dial: ['c-sdk'], bind: ['ours'] })
      await network.createService(`c-${suffix}`, { encrypted, dial: ['ours'], bind: ['c-sdk'] })
    }
    writeFileSync(join(folder, 'c-sdk.json'), JSON.stringify(network.identityJson('c-sdk')))
    const identity = await loadIdentity({ text: JSON.stringify(network.identityJson('ours')), name: 'ours' })
    overlay = await openOverlay({ identity })
    expect(overlay.services.size).toBe(4)
  })

  afterAll(async () => {
    for (const running of started) running.signal('SIGKILL')
    await overlay?.close()
    await network?.close()
  })

  it.each(['sealed', 'plain'])('dials a service that our SDK hosts: 64 MiB both ways, %s', async (suffix) => {
    const exchanged = new Promise<void>((resolve, reject) => {
      void overlay.bind(serviceNamed(`ours-${suffix}`), {}, (call) => {
        exchange(toDuplex(call.accept()), false, bytes).then(resolve, reject)
      }).then((binding) => binding.ready).then(() => peer('dial', `ours-${suffix}`).line(/^exchanged/, 100)).catch(reject)
    })
    await exchanged
    await expect(started.at(-1)?.exited).resolves.toBe(0)
  })

  it.each(['sealed', 'plain'])('hosts a service that our SDK dials: 64 MiB both ways, %s', async (suffix) => {
    const host = peer('host', `c-${suffix}`)
    await host.line(/^listening/)
    const flow = await dialUntilHosted(`c-${suffix}`)
    await exchange(toDuplex(flow), true, bytes)
    await host.line(/^exchanged/)
  })
})

/** The C SDK says "listening" before its terminator stands. */
async function dialUntilHosted(service: string): Promise<Awaited<ReturnType<typeof overlay.dial>>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await overlay.dial(serviceNamed(service), { protocol: 'tcp' })
    } catch (error) {
      if (attempt === 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}
