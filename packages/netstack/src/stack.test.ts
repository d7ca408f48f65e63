import { flowCompliance } from '@tunnel/flow/compliance'
import type { Flow } from '@tunnel/flow'
import { createMemoryPipe, type MemoryPipeOptions } from './device/memory-pipe.ts'
import { createNetstack } from './stack.ts'

const left = '10.0.0.1'
const right = '10.0.0.2'

function connectedStacks(pipe: MemoryPipeOptions) {
  return async () => {
    const [leftDevice, rightDevice] = createMemoryPipe(pipe)
    const client = createNetstack({ device: leftDevice, addresses: [left] })
    const server = createNetstack({ device: rightDevice, addresses: [right] })
    const accepted = new Promise<Flow>((resolve) => server.onConnect((request) => resolve(request.accept())))
    const flow = await client.connect({ address: right, port: 80 })
    return {
      left: flow,
      right: await accepted,
      close: async () => {
        await client.close()
        await server.close()
      },
    }
  }
}

flowCompliance('a connection of two stacks, MTU 1500,', connectedStacks({ mtu: 1500 }))
flowCompliance('a connection of two stacks, MTU 65535,', connectedStacks({ mtu: 65_535 }))
flowCompliance('a connection of two stacks over a device that cuts segments', connectedStacks({ mtu: 1500, offload: { checksum: true, segmentationBytes: 65_535 } }))
