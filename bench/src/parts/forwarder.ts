/** The stack as a plain TCP forwarder: all that a network sends goes on by ordinary sockets of this process. */
import { setFlagsFromString } from 'node:v8'
import { createAbortedError, pump, type TcpRequest } from '@tunnel/flow'
import { connectFlow } from '@tunnel/flow/node'
import { openTunDevice, type TunDeviceOptions } from '@tunnel/linux'
import { createNetstack } from '@tunnel/netstack'
import { inNetworkNamespace } from '../../../tooling/src/wire/network-namespace.ts'

interface Parameters extends TunDeviceOptions {
  readonly network: string
  /** Default `tun0`. */
  readonly name?: string
}
const { network, name = 'tun0', ...options } = JSON.parse(process.argv[2] ?? '{}') as Parameters

// As the program has it (decision 7): what passes through lives outside of the heap.
setFlagsFromString('--semi-space-growth-factor=1')

async function forward(request: TcpRequest): Promise<void> {
  const abort = new AbortController()
  request.onAbandon(() => abort.abort())
  try {
    const server = await connectFlow({ host: request.to.address, port: request.to.port, signal: abort.signal })
    if (abort.signal.aborted) server.reset(createAbortedError())
    else pump(request.accept(), server)
  } catch {
    request.refuse('reset')
  }
}

const device = inNetworkNamespace(network, () => openTunDevice({ name, ...options }))
const stack = createNetstack({ device, any: true })
stack.onConnect((request) => void forward(request))
console.log(JSON.stringify({ device: device.name, offloads: device.offloads }))
process.once('SIGTERM', () => process.exit(0))
