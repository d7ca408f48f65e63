/** The load: runs one order over a number of connections and says how long it took. */
import { connect, type Socket } from 'node:net'
import { formatOrder, type Order } from '../protocol.ts'

interface Load {
  /** Default: loopback. */
  readonly host?: string
  readonly port: number
  readonly order: Order
  readonly connections: number
  /** Echo: round trips on one connection. Hello: connections in all. */
  readonly rounds?: number
}
const load = JSON.parse(process.argv[2] ?? '{}') as Load
const readBuffer = Buffer.alloc(262_144)
const block = Buffer.alloc(65_536, 'ziti')

function open(received: (bytes: number) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onread = { buffer: readBuffer, callback: (bytes: number) => (received(bytes), true) }
    const options = { port: load.port, host: load.host ?? '127.0.0.1', noDelay: true, allowHalfOpen: true, highWaterMark: 262_144, onread }
    const socket: Socket = connect(options, () => resolve(socket))
    socket.on('error', reject)
  })
}

const ended = (socket: Socket): Promise<void> => new Promise((resolve, reject) => socket.on('end', resolve).on('error', reject))

async function transfer(bytes: number): Promise<void> {
  let received = 0
  const socket = await open((count) => (received += count))
  const done = ended(socket)
  socket.write(formatOrder({ ...load.order, bytes } as Order))
  if (load.order.kind === 'up') {
    for (let left = bytes; left > 0; left -= block.length) {
      if (!socket.write(left < block.length ? block.subarray(0, left) : block)) await new Promise((resolve) => socket.once('drain', resolve))
    }
  }
  await done
  socket.end()
  const expected = load.order.kind === 'up' ? 1 : bytes
  if (received !== expected) throw new Error(`${received} bytes came, not ${expected}`)
}

async function pingPong(rounds: number): Promise<number[]> {
  const times: number[] = []
  let arrived: () => void = () => {}
  let count = 0
  const socket = await open((bytes) => {
    count += bytes
    if (count >= 64) arrived()
  })
  socket.write(formatOrder({ kind: 'echo' }))
  const ping = Buffer.alloc(64, 'p')
  for (let round = 0; round < rounds; round += 1) {
    const answer = new Promise<void>((resolve) => (arrived = resolve))
    count = 0
    const started = performance.now()
    socket.write(ping)
    await answer
    times.push((performance.now() - started) * 1000)
  }
  socket.destroy()
  return times.slice(Math.floor(rounds / 10)).toSorted((a, b) => a - b)
}

async function hello(): Promise<void> {
  const socket = await open(() => {})
  const done = ended(socket)
  socket.write(formatOrder({ kind: 'hello' }))
  await done
  socket.end()
}

async function hellos(rounds: number): Promise<void> {
  let left = rounds
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await hello()
    }
  }
  await Promise.all(Array.from({ length: load.connections }, worker))
}

/** Opens all, keeps them, and says so: the parent measures, then ends this process. */
async function hold(): Promise<void> {
  let left = load.connections
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      let arrived: () => void = () => {}
      const answer = new Promise<void>((resolve) => (arrived = resolve))
      const socket = await open(() => arrived())
      socket.write(`${formatOrder({ kind: 'echo' })}x`)
      await answer
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  console.log(JSON.stringify({ held: load.connections }))
  setInterval(() => {}, 60_000)
}

const failed = (error: unknown): void => {
  console.error(`the client's load failed: ${String(error)}`)
  process.exit(1)
}
process.on('uncaughtException', failed).on('unhandledRejection', failed)

const started = performance.now()
if (load.rounds === 0) await hold()
else if (load.order.kind === 'echo') {
  const times = await pingPong(load.rounds ?? 1000)
  const at = (part: number): number => times[Math.floor(times.length * part)] ?? 0
  console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99) }))
} else {
  if ('bytes' in load.order) await Promise.all(Array.from({ length: load.connections }, () => transfer((load.order as { bytes: number }).bytes / load.connections)))
  else await hellos(load.rounds ?? 100)
  console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 }))
}
if (load.rounds !== 0) process.exit(0)
