import { createNetwork } from '@tunnel/devnet'
import { overlayCompliance } from '@tunnel/core/compliance'
import { loadIdentity } from '@tunnel/config'
import { openOverlay } from '../../packages/edge/src/overlay.ts'

for (const auth of ['legacy','oidc'] as const)
overlayCompliance(`edge ${auth}`, async () => {
  const network = await createNetwork({ auth, routers: 1 })
  const log = process.env.LOG ? (l: string, s: string, m: string, f?: object) => console.log(l, s, m, f ?? '') : undefined
  for (const name of ['dialer', 'host']) await network.createIdentity(name)
  const add = async (name: string, encryptionRequired = false) => void network.createService(name, { dial: ['dialer'], bind: ['host'], encrypted: encryptionRequired })
  await add('plain'); await add('encrypted', true); await add('udp', true)
  const open = async (name: string) => openOverlay({ identity: await loadIdentity({ text: JSON.stringify(network.identityJson(name)), name }), pollInterval: 200, log, auth })
  const [dialer, host] = await Promise.all([open('dialer'), open('host')])
  return {
    dialer, host, services: { plain: 'plain', encrypted: 'encrypted', udp: 'udp' },
    addService: (name: string) => add(name),
    removeService: async (name: string) => network.deleteService(name),
    close: async () => { await dialer.close(); await host.close(); await network.close() },
  }
})
