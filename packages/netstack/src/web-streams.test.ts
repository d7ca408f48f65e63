import { toWebStreams } from '@tunnel/flow/web'
import { expect, it } from 'vitest'
import { createMemoryPipe } from './device/memory-pipe.ts'
import { createNetstack } from './stack.ts'

it('connections become web streams, with their back-pressure and their ends', async () => {
  const [left, right] = createMemoryPipe()
  const client = createNetstack({ device: left, addresses: ['10.0.0.1'] })
  const server = createNetstack({ device: right, addresses: ['10.0.0.2'] })
  server.listen({ port: 7 }, (flow) => {
    const { readable, writable } = toWebStreams(flow)
    void readable.pipeTo(writable)
  })
  const { readable, writable } = toWebStreams(await client.connect({ address: '10.0.0.2', port: 7 }))
  const writer = writable.getWriter()
  const sending = (async () => {
    for (let index = 0; index < 50; index += 1) await writer.write(new Uint8Array(20_000).fill(index))
    await writer.close()
  })()
  let received = 0
  let wrong = 0
  for await (const chunk of readable) {
    for (const byte of chunk) {
      if (byte !== Math.floor(received / 20_000)) wrong += 1
      received += 1
    }
  }
  await sending
  expect([received, wrong]).toEqual([1_000_000, 0])
  await client.close()
  await server.close()
})
