/** The far end as a plain server on `host` (default: loopback), with a UDP echo on the same port: behind router-hosted services, and for direct and relayed runs. */
import { createSocket } from 'node:dgram'
import { createServer, type AddressInfo } from 'node:net'
import { serveSocket } from '../protocol.ts'

const { host = '127.0.0.1' } = JSON.parse(process.argv[2] ?? '{}') as { host?: string }
const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: 262_144 }, (socket) => serveSocket(socket))
server.listen(0, host, () => {
  const { port } = server.address() as AddressInfo
  const echo = createSocket('udp4', (message, { port: to, address }) => echo.send(message, to, address))
  echo.bind(port, host, () => console.log(JSON.stringify({ port })))
})
