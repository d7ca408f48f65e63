import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interceptorCompliance } from '@tunnel/core/compliance'
import { CodedError, type Flow } from '@tunnel/flow'
import { connectFlow } from '@tunnel/flow/node'
import { openHostState } from '@tunnel/linux'
import { beforeAll, describe, expect } from 'vitest'
import { enterOwnHost, ip, noNetwork } from '../../../tooling/src/testing-host/own-network.ts'
import { tableOf, wanted } from '@tunnel/core/testing'
import { createTunInterceptor } from './tun-interceptor.ts'

const hosts = { one: 1, two: 2, good: 3, bad: 4 } as const
type Name = keyof typeof hosts
const port = 4711

describe.skipIf(noNetwork)('in a network of its own', () => {
  beforeAll(() => enterOwnHost({ wayOut: false }))

  for (const family of [4, 6] as const)
    for (const kind of ['address', 'name'] as const) {
      const addressOf = (service: string) => `${family === 4 ? '203.0.113.' : 'fd00:77::'}${hosts[service as Name]}`
      interceptorCompliance(`createTunInterceptor (IPv${family}, by ${kind})`, async () => {
        const directory = mkdtempSync(join(tmpdir(), 'tun-'))
        const host = await openHostState({ stateDirectory: directory, janitor: false })
        const interceptor = await createTunInterceptor({
          host,
          slot: 0,
          addressesOf: (name) => [addressOf(name)],
          poolRanges: ['203.0.113.0/24', 'fd00:77::/64'],
        })
        const flows: Flow[] = []
        const broken = new Set<string>()
        const setBroken = (service: string, breaks: boolean): void => {
          if (breaks === broken.has(service)) return
          ip(`${family === 6 ? '-6 ' : ''}addr ${breaks ? 'add' : 'del'} ${addressOf(service)} dev lo`)
          if (breaks) broken.add(service)
          else broken.delete(service)
        }
        return {
          interceptor,
          table: (...names) => tableOf(...names.map((name) => wanted(name, { to: kind === 'name' && name !== 'bad' ? name : addressOf(name), ports: port }))),
          breakService: async (service, breaks) => setBroken(service, breaks),
          async connect(service, signal) {
            const abort = new AbortController()
            signal?.addEventListener('abort', () => abort.abort())
            const flow = await connectFlow({ host: addressOf(service), port, signal: abort.signal })
            flows.push(flow)
            signal?.addEventListener('abort', () => flow.reset(new CodedError('test.gone', 'the client goes away')))
            return flow
          },
          async close() {
            for (const flow of flows) flow.reset(new CodedError('test.over', 'the test is over'))
            for (const service of [...broken]) setBroken(service, false)
            await interceptor.close()
            for (let turn = 0; interceptor.stats.lingeringFlows > 0; turn++) {
              if (turn === 400) throw new Error('flows linger')
              await new Promise((resolve) => setTimeout(resolve, 5))
            }
            await interceptor.close()
            expect(await host.restore()).toMatchObject({ undone: 0, left: [], failed: [] })
            expect(ip('-br link')).not.toContain('tun')
            rmSync(directory, { recursive: true })
          },
        }
      })
    }
})
