import { createServer, type AddressInfo, type Server } from 'node:net'
import { createNetwork, type Network } from '@tunnel/devnet'
import type { EdgeOverlay } from '@tunnel/edge'
import type { Flow } from '@tunnel/flow'
import { toDuplex } from '@tunnel/flow/node'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openOn } from '../support/overlays.ts'

/** Who ends first, and what still arrives after that: the Go tunneler loses the reply of a client that half-closes. */
const replyBytes = 3_000_000
let network: Network
let client: EdgeOverlay
let host: EdgeOverlay
let server: Server

/** `reply`: waits for the end of the request, then answers. `first`: ends at once, then says what still came. */
function serve(stream: Duplex, heard: (text: string) => void, kind: 'reply' | 'first'): void {
  let request = ''
  if (kind === 'first') stream.end('I am done')
  stream.on('data', (chunk: Buffer) => (request += chunk.toString()))
  stream.on('end', () => {
    if (kind === 'reply') stream.end(Buffer.alloc(replyBytes, request.slice(0, 1)))
    else heard(request)
  })
  stream.on('error', () => {})
}

let heard: (text: string) => void = () => {}
let behaviour: 'reply' | 'first' = 'reply'

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, (text) => heard(text), behaviour))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  network = await createNetwork()
  await network.createIdentity('client')
  await network.createIdentity('host')
  for (const encrypted of [true, false]) {
    const suffix = encrypted ? 'encrypted' : 'plain'
    network.createService(`router-hosted, ${suffix}`, { encrypted, dial: ['client'], hostedBy: { target: `tcp:127.0.0.1:${port}` } })
    network.createService(`SDK-hosted, ${suffix}`, { encrypted, dial: ['client'], bind: ['host'] })
  }
  client = await openOn(network, 'client')
  host = await openOn(network, 'host')
  for (const service of host.services.values()) {
    const binding = await host.bind(service, {}, (call) => serve(toDuplex(call.accept()), (text) => heard(text), behaviour))
    await binding.ready
  }
})

afterAll(async () => {
  await client.close()
  await host.close()
  await network.close()
  server.close()
})

const dial = async (name: string): Promise<Flow> => {
  const service = client.services.get(name)
  if (service === undefined) throw new Error(`no service ${name}`)
  return client.dial(service, { protocol: 'tcp' })
}

describe.each(['router-hosted, encrypted', 'router-hosted, plain', 'SDK-hosted, encrypted', 'SDK-hosted, plain'])('%s', (name) => {
  it('a client that ends right after its request gets the whole reply', async () => {
    behaviour = 'reply'
    const stream = toDuplex(await dial(name))
    stream.end('x')
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const reply = Buffer.concat(chunks)
    expect(reply.length).toBe(replyBytes)
    expect(reply.every((byte) => byte === 'x'.charCodeAt(0))).toBe(true)
  })

  it('a server that ends first still hears what comes after', async () => {
    behaviour = 'first'
    const arrived = new Promise<string>((resolve) => (heard = resolve))
    const stream = toDuplex(await dial(name))
    let said = ''
    for await (const chunk of stream) said += String(chunk)
    expect(said).toBe('I am done')
    stream.write('late ')
    await new Promise((resolve) => setTimeout(resolve, 30))
    stream.end('words')
    expect(await arrived).toBe('late words')
  })

  it('a reset reaches the other end, as an error and not as an end', async () => {
    behaviour = 'reply'
    const flow = await dial(name)
    const closed = new Promise<unknown>((resolve) => flow.attach({ data: () => {}, end: () => {}, drain: () => {}, close: resolve }))
    flow.send(Buffer.from('never answered'))
    network.dropChannels('client')
    expect(await closed).toMatchObject({ name: 'CodedError' })
  })
})
