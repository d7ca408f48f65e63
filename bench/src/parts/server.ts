/** The far end as a plain server, with a UDP echo on the same port: behind router-hosted services, and for direct and relayed runs. */
import { createSocket } from 'node:dgram'
import { createServer, type AddressInfo } from 'node:net'
import { serveSocket } from '../protocol.ts'

const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: 262_144 }, (socket) => serveSocket(socket))
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  const echo = createSocket('udp4', (message, { port: to, address }) => echo.send(message, to, address))
  echo.bind(port, '127.0.0.1', () => console.log(JSON.stringify({ port })))
})
