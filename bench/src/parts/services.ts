/** An interceptor of many services, with no overlay behind it: what a table costs, and what one change on top of it costs. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interceptConfigOf } from '@tunnel/config'
import type { WantedIntercept } from '@tunnel/core/contracts'
import { createTproxyInterceptor } from '@tunnel/intercept-tproxy'
import { openHostState } from '@tunnel/linux'
import { median } from '../median.ts'
import { serveOrder } from '../protocol.ts'

const { count } = JSON.parse(process.argv[2] ?? '{}') as { count: number }

/** Every tenth is a small network with some ports, the others single addresses. */
function wanted(index: number): WantedIntercept {
  const [first, second, third] = [index >> 16, (index >> 8) & 255, index & 255]
  const range = index % 10 === 9
  const config = {
    protocols: ['tcp'],
    addresses: [range ? `10.${200 + first}.${second}.${third & 0xf0}/28` : `10.${100 + first}.${second}.${third}`],
    portRanges: [{ low: 7000, high: range ? 7010 : 7000 }],
  }
  const service = { id: String(index), name: `service-${index}`, permissions: ['Dial'] as const, encryptionRequired: true, config: { 'intercept.v1': config } }
  const intercept = interceptConfigOf(service)
  if (!intercept?.ok) throw intercept?.error ?? new Error('no intercept config')
  return { service, intercept: intercept.value }
}

const host = await openHostState({ stateDirectory: mkdtempSync(join(tmpdir(), 'bench-services-')) })
const interceptor = await createTproxyInterceptor({ host, slot: 0 })
interceptor.onRequest((request) => {
  if (request.protocol === 'udp') return request.refuse('prohibited')
  const flow = request.accept()
  const far = serveOrder({ write: (chunk) => flow.send(chunk), end: () => flow.end() }, 65_536)
  flow.attach({ data: (chunk) => far.data(chunk), end: () => flow.end(), drain: () => far.drain(), close: () => {} })
})

const known: WantedIntercept[] = []
async function apply(services: number): Promise<number> {
  // As core does it: a service that has not changed is the same object in the next table.
  while (known.length < services) known.push(wanted(known.length))
  const intercepts = known.slice(0, services)
  const started = performance.now()
  const { failed } = await interceptor.apply({ listeners: [], intercepts })
  const milliseconds = performance.now() - started
  if (failed.length > 0) throw new Error(`${failed.length} services failed, the first: ${failed[0]?.error.message}`)
  return milliseconds
}

const all = await apply(count)
const one: number[] = []
for (let round = 0; round < 6; round += 1) one.push(await apply(count + (round % 2 === 0 ? 1 : 0)))
console.log(JSON.stringify({ all, one: median(one), host: '10.100.0.1', port: 7000 }))

process.once('SIGTERM', () => void interceptor.close().then(() => host.restore()).then(() => process.exit()))
