/** A bad wire from the kernel of one network to that of another or, where no other is given, to the stack. The far end of it serves orders. */
import { collected, type PacketDevice } from '@tunnel/flow'
import { openRouteControl, openTunDevice } from '@tunnel/linux'
import { createMemoryPipe, createNetstack, createSeededRandom, withFaults, type Faults } from '@tunnel/netstack'
import { inNetworkNamespace } from '../../../tooling/src/wire/network-namespace.ts'
import { OrderedClock } from '../../../tooling/src/wire/ordered-clock.ts'
import { serveOrder } from '../protocol.ts'

interface Parameters {
  readonly near: string
  readonly far?: string
  readonly faults: Faults
  readonly seed: number
}
const { near, far, faults, seed } = JSON.parse(process.argv[2] ?? '{}') as Parameters
const [nearAddress, farAddress] = ['10.77.0.1', '10.77.0.2']

function openEnd(network: string, address: string, peer: string): PacketDevice {
  return inNetworkNamespace(network, () => {
    const device = openTunDevice({ name: 'wire0', mtu: 1500, offloads: 'none' })
    const control = openRouteControl()
    control.addAddress({ family: 4, address, prefixLength: 32, device: device.name, peer })
    control.close()
    return device
  })
}

function openStack(): PacketDevice {
  const [device, end] = createMemoryPipe({ queueLimit: 65_536 })
  const stack = createNetstack({ device, addresses: [farAddress] })
  stack.onConnect((request) => {
    const flow = request.accept()
    const served = serveOrder({ write: (chunk, constant) => flow.send(chunk, constant ? collected : undefined), end: () => flow.end() }, 65_536)
    flow.attach({ data: served.data, drain: served.drain, end: () => flow.end(), close() {} })
  })
  return end
}

const wire = withFaults(openEnd(near, nearAddress, farAddress), faults, { clock: new OrderedClock(65_536), random: createSeededRandom(seed), ways: 'both' })
const other = far === undefined ? openStack() : openEnd(far, farAddress, nearAddress)
wire.start((packets) => packets.forEach((packet) => other.transmit([packet])))
other.start((packets) => packets.forEach((packet) => wire.transmit([packet])))
console.log(JSON.stringify({ host: farAddress, peer: nearAddress }))
process.once('SIGTERM', () => process.exit(0))
