import { startPart } from '../part.ts'
import { routeInto, type Forwarder } from './forwarder.ts'

const mtu = 65_535

/** `@tunnel/netstack` over `@tunnel/linux`, some sixty lines of program around them. */
export const ownStack: Forwarder = {
  name: 'our stack',
  async start(network) {
    const part = await startPart('forwarder', { network: network.path, mtu })
    routeInto(network, mtu)
    return part
  },
}
