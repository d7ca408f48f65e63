/** The far end as a plain TCP server: behind a router-hosted service, and for the direct and relayed runs. */
import { createServer, type AddressInfo } from 'node:net'
import { serveSocket } from '../protocol.ts'

const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: 262_144 }, (socket) => serveSocket(socket))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
