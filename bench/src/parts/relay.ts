/** The peer: a plain TCP relay as one writes it in Node, no encryption, no framing. */
import { connect, createServer, type AddressInfo } from 'node:net'

const { port } = JSON.parse(process.argv[2] ?? '{}') as { port: number }
const options = { allowHalfOpen: true, noDelay: true, highWaterMark: 262_144 }
const server = createServer(options, (client) => {
  const upstream = connect({ ...options, port, host: '127.0.0.1' })
  client.pipe(upstream).pipe(client)
  client.on('error', () => upstream.destroy())
  upstream.on('error', () => client.destroy())
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
