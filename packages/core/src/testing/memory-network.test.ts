import { overlayCompliance } from '../compliance.ts'
import { createMemoryNetwork } from './memory-network.ts'

overlayCompliance('the memory network', async () => {
  const network = createMemoryNetwork()
  network.addService({ name: 'plain', encryptionRequired: false })
  network.addService({ name: 'encrypted' })
  return {
    dialer: network.createIdentity('dialer'),
    host: network.createIdentity('host'),
    services: { plain: 'plain', encrypted: 'encrypted', udp: 'plain' },
    inFlightBytes: 1024 * 1024,
    addService: async (name) => void network.addService({ name }),
    removeService: async (name) => network.removeService(name),
    close: () => network.close(),
  }
})
