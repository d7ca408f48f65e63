import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { createMemoryPipe } from '../device/memory-pipe.ts'
import { createNetstack } from '../stack.ts'
import { connectDuplex, listenDuplex } from './duplex.ts'

it('HTTP of Node runs over two stacks', async () => {
  const [left, right] = createMemoryPipe()
  const client = createNetstack({ device: left, addresses: ['10.0.0.1'] })
  const server = createNetstack({ device: right, addresses: ['10.0.0.2'] })
  const web = createServer((asked, answer) => {
    void text(asked).then((body) => answer.end(`${asked.method} ${asked.url} ${body.length}`))
  })
  listenDuplex(server, { port: 80 }, (stream) => web.emit('connection', stream))
  const stream = await connectDuplex(client, { address: '10.0.0.2', port: 80 })
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request({ method: 'POST', path: '/upload', headers: { connection: 'close' }, createConnection: () => stream }, resolve)
    asking.on('error', reject)
    asking.end('x'.repeat(1_000_000))
  })
  expect(await text(answer)).toBe('POST /upload 1000000')
  await client.close()
  await server.close()
})
