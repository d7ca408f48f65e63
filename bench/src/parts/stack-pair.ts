/** Two stacks that are joined by memory, in one thread: one sends, the other takes. */
import { collected } from '@tunnel/flow'
import { createMemoryPipe, createNetstack, type MemoryPipeOptions } from '@tunnel/netstack'

interface Parameters {
  readonly pipe: Omit<MemoryPipeOptions, 'schedule'>
  readonly bytes: number
}
const { pipe, bytes } = JSON.parse(process.argv[2] ?? '{}') as Parameters
const [left, right] = createMemoryPipe(pipe)
const client = createNetstack({ device: left, addresses: ['10.0.0.1'] })
const server = createNetstack({ device: right, addresses: ['10.0.0.2'] })

async function transfer(wanted: number): Promise<{ gigabitsPerSecond: number; cpuSecondsPerGigabyte: number }> {
  const before = process.cpuUsage()
  const started = performance.now()
  let received = 0
  const done = new Promise<void>((resolve) => {
    const listener = server.listen({ port: 7 }, (flow) => flow.attach({ data: ({ length }) => (received += length), end: () => flow.end(), drain() {}, close: () => (listener.close(), resolve()) }))
  })
  const flow = await client.connect({ address: '10.0.0.2', port: 7 })
  const chunk = new Uint8Array(65_536)
  let left = wanted
  const send = (): void => {
    while (left > 0) {
      left -= chunk.length
      if (!flow.send(chunk, collected)) return
    }
    flow.end()
  }
  flow.attach({ data() {}, end() {}, drain: send, close() {} })
  send()
  await done
  const { user, system } = process.cpuUsage(before)
  return { gigabitsPerSecond: (received * 8) / 1e6 / (performance.now() - started), cpuSecondsPerGigabyte: (user + system) / 1e6 / (received / 1e9) }
}

await transfer(bytes / 4)
console.log(JSON.stringify(await transfer(bytes)))
process.exit(0)
