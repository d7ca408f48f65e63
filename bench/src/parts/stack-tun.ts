/** The stack behind a TUN link, as the far end itself: what it carries without any socket behind it. */
import { collected } from '@tunnel/flow'
import { openRouteControl, openTunDevice, type TunDeviceOptions } from '@tunnel/linux'
import { createNetstack } from '@tunnel/netstack'
import { serveOrder } from '../protocol.ts'

interface Parameters {
  /** Routed into the link: a /24. */
  readonly destination: string
  readonly device: TunDeviceOptions
}
const parameters = JSON.parse(process.argv[2] ?? '{}') as Parameters
const device = openTunDevice(parameters.device)
const control = openRouteControl()
control.addAddress({ family: 4, address: '169.254.7.1', prefixLength: 32, device: device.name })
control.addRoutes([{ family: 4, destination: parameters.destination, device: device.name }])
control.close()

const stack = createNetstack({ device, any: true })
stack.onConnect((request) => {
  const flow = request.accept()
  const far = serveOrder({ write: (chunk, constant) => flow.send(chunk, constant ? collected : undefined), end: () => flow.end() }, 65_536)
  flow.attach({ data: far.data, drain: far.drain, end: () => flow.end(), close() {} })
})
console.log(JSON.stringify({ offloads: device.offloads }))
process.once('SIGTERM', () => process.exit(0))
