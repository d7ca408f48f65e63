/** The embedded network: one controller, one router, an identity that dials and one that hosts. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetwork } from '@tunnel/devnet'
import { intercepted, interceptedPort } from '../intercepted.ts'

const { target } = JSON.parse(process.argv[2] ?? '{}') as { target: number }
const network = await createNetwork()
await network.createIdentity('client')
await network.createIdentity('host')
/** Each far end also has a name, as most services have. */
const nameOf = (address: string): string => `far-${address.split('.').at(-1)}.bench.ziti`
const intercept = (address: string, protocol: 'tcp' | 'udp') => ({
  'intercept.v1': { protocols: [protocol], addresses: [address, nameOf(address)], portRanges: [{ low: interceptedPort, high: interceptedPort }] },
})
await network.createService('sdk-hosted', { dial: ['client'], bind: ['host'], configs: intercept(intercepted.sdkHosted, 'tcp') })
await network.createService('router-hosted', { dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${target}` }, configs: intercept(intercepted.routerHosted, 'tcp') })
await network.createService('udp-hosted', { dial: ['client'], hostedBy: { target: `udp:127.0.0.1:${target}` }, configs: intercept(intercepted.udpHosted, 'udp') })

const folder = mkdtempSync(join(tmpdir(), 'ziti-tunnel-bench-'))
const save = (name: string): string => {
  const file = join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify(network.identityJson(name)), { mode: 0o600 })
  return file
}
console.log(JSON.stringify({ client: save('client'), host: save('host') }))
