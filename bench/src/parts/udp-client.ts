/** UDP there and back: 64 bytes at a time, for latency; and as many as fit in a window, for datagrams per second. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

interface Load {
  readonly host?: string
  readonly port: number
  readonly rounds: number
}
const { host = '127.0.0.1', port, rounds } = JSON.parse(process.argv[2] ?? '{}') as Load
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
socket.connect(port, host)
await once(socket, 'connect')

/** A lost datagram is sent again: the time of that round counts as it is. */
async function roundTrip(): Promise<number> {
  const ping = Buffer.alloc(64, 'u')
  const started = performance.now()
  socket.send(ping)
  const again = setInterval(() => socket.send(ping), 1000)
  await once(socket, 'message')
  clearInterval(again)
  return (performance.now() - started) * 1000
}

async function flood(milliseconds: number): Promise<number> {
  const datagram = Buffer.alloc(64, 'f')
  let answers = 0
  const more = (): void => {
    answers += 1
    socket.send(datagram)
  }
  socket.on('message', more)
  for (let index = 0; index < 64; index += 1) socket.send(datagram)
  const refill = setInterval(() => socket.send(datagram), 20) // what was lost leaves the window
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  clearInterval(refill)
  socket.off('message', more)
  return (answers * 1000) / milliseconds
}

await roundTrip()
const times: number[] = []
for (let round = 0; round < rounds; round += 1) times.push(await roundTrip())
const sorted = times.slice(Math.floor(rounds / 10)).toSorted((a, b) => a - b)
const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0
const perSecond = await flood(2000)
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), perSecond }))
process.exit(0)
