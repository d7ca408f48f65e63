import { expect, it } from 'vitest'
import { createQuestion } from '../message/question.ts'
import { forward } from '../upstream/forward.ts'
import type { ResolveContext } from '../resolve/resolver.ts'
import { createDnsServer } from './create-dns-server.ts'
import type { Datagram, DatagramPort } from './datagram-port.ts'

// A socket that reads all datagrams into one `Buffer`, as batched sockets do. `slice` of a Buffer is a view of it: what is kept must be copied.
function arenaPort() {
  const arena = Buffer.alloc(4096)
  const sent: Buffer[] = []
  let receive: (batch: readonly Datagram[]) => void = () => {}
  const port: DatagramPort = {
    local: { address: '127.0.0.1', port: 53 },
    start: (receiver) => void (receive = receiver),
    send: (data) => sent.push(Buffer.from(data)) > 0,
    close: () => {},
  }
  return {
    port,
    sent,
    arrive(bytes: Uint8Array, from = { address: '127.0.0.1', port: 4000 }): void {
      arena.set(bytes)
      receive([{ data: arena.subarray(0, bytes.length), from }])
    },
    overwrite: (): void => void arena.fill(0xaa),
  }
}

const question = (name: string): Buffer => {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)])
  return Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1])
}
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

it('a question that is answered later is repeated as it was, whatever came in meanwhile', async () => {
  const { port, sent, arrive, overwrite } = arenaPort()
  const server = createDnsServer({
    listen: ['udp://127.0.0.1:53'],
    openUdp: () => port,
    resolvers: [async () => ({ records: [{ type: 'A', ttl: 1, data: '10.0.0.5' }] })],
  })
  await server.start()
  arrive(question('a.example'))
  overwrite()
  await turns()
  expect(sent[0]?.subarray(12, 27)).toEqual(question('a.example').subarray(12))
  // Also from what is remembered of it.
  arrive(question('a.example'))
  overwrite()
  await turns()
  expect(sent[1]?.subarray(12, 27)).toEqual(question('a.example').subarray(12))
  await server.close()
})

it('an answer of an upstream stays as it was', async () => {
  const { port, sent, arrive, overwrite } = arenaPort()
  const upstream = forward(['udp://192.0.2.1'], { openUdp: () => port })
  const context: ResolveContext = { transport: 'direct', signal: new AbortController().signal, recursionDesired: true }
  const answer = upstream.resolve(createQuestion('a.example', 'A'), context)
  await turns()
  const response = Buffer.from(sent[0] ?? [])
  response[2] = 0x81
  response[3] = 0x83
  arrive(response, { address: '192.0.2.1', port: 53 })
  overwrite()
  const given = await answer
  expect(typeof given === 'object' && given.raw && Buffer.from(given.raw).subarray(0, 4)).toEqual(response.subarray(0, 4))
  upstream.close()
})
