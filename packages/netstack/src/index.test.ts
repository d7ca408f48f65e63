import { systemClock } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { createMemoryPipe, createNetstack, createSeededRandom, withFaults } from './index.ts'

it('the example of the README says hello over a bad wire', async () => {
  const said: string[] = []
  const [left, right] = createMemoryPipe({ mtu: 1500 })
  const server = createNetstack({ device: right, addresses: ['10.0.0.2'] })
  server.onConnect((request) => {
    const flow = request.accept()
    flow.attach({ data: (chunk, hold) => flow.send(chunk, hold()), end: () => flow.end(), drain() {}, close() {} })
  })
  const wire = withFaults(left, { loss: 0.1, delay: 5 }, { clock: systemClock, random: createSeededRandom(1) })
  const client = createNetstack({ device: wire, addresses: ['10.0.0.1'] })
  const flow = await client.connect({ address: '10.0.0.2', port: 7 })
  const closed = new Promise<void>((resolve) => {
    flow.attach({ data: (chunk) => said.push(new TextDecoder().decode(chunk)), end() {}, drain() {}, close: () => resolve() })
  })
  flow.send(new TextEncoder().encode('hello'))
  flow.end()
  await closed
  expect(said.join('')).toBe('hello')
  await client.close()
  await server.close()
})
