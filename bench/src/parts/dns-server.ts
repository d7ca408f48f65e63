/** Our DNS server with a thousand synthetic names, over node:dgram or the batched socket. */
import { createDnsServer, syntheticPool } from '@tunnel/dns'
import { openUdpSocket } from '@tunnel/linux'

const { socket } = JSON.parse(process.argv[2] ?? '{}') as { socket: 'dgram' | 'batched' }
const server = createDnsServer({
  listen: ['udp://127.0.0.1:0'],
  resolvers: [syntheticPool({ v4: '100.64.0.1/10' }).names(['*.lan'])],
  ...(socket === 'batched' ? { openUdp: (at) => openUdpSocket(at) } : {}),
})
await server.start()
console.log(JSON.stringify({ port: Number(server.addresses[0]?.split(':').at(-1)) }))
process.on('SIGTERM', () => process.exit(0))
