import { readFileSync } from 'node:fs'
import type { Overlay } from '@tunnel/core'
import { overlayCompliance } from '@tunnel/core/compliance'
import { createNetwork } from '@tunnel/devnet'
import { openOn } from '../support/overlays.ts'

/** Largest of `min default max`, in bytes. */
const kernelBuffer = (name: string): number => Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split(/\s+/)[2])

/**
 * What a sender can get rid of while nobody reads: our queues (1 MiB a circuit and a channel, at both ends), the window of the
 * devnet router (4 MiB) with its four messages, and what the kernel takes on the two connections between.
 */
const inFlightBytes = 4 * 2 ** 20 + 4 * 2 ** 20 + 2 ** 20 + 2 * (kernelBuffer('tcp_wmem') + kernelBuffer('tcp_rmem'))

/** The pure TypeScript SDK is an `Overlay`: the same suite as the network in memory, over the real wire protocol. */
for (const auth of ['legacy', 'oidc'] as const) {
  overlayCompliance(`@tunnel/edge over devnet, ${auth} login`, async () => {
    const network = await createNetwork({ auth, routers: 2 })
    await network.createIdentity('dialer')
    await network.createIdentity('host')
    const addService = async (name: string, encrypted = true): Promise<void> => {
      network.createService(name, { encrypted, dial: ['dialer'], bind: ['host'] })
    }
    await addService('plain', false)
    await addService('encrypted')
    const dialer: Overlay = await openOn(network, 'dialer')
    const host: Overlay = await openOn(network, 'host')
    return {
      dialer,
      host,
      services: { plain: 'plain', encrypted: 'encrypted', udp: 'encrypted' },
      inFlightBytes,
      addService,
      removeService: async (name) => network.deleteService(name),
      async close() {
        await dialer.close()
        await host.close()
        await network.close()
      },
    }
  })
}
