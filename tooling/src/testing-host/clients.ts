/** Programs of a host whose connections an interceptor of the same process takes, and what it says to them. */
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import type { TcpRequest, UdpRequest } from '@tunnel/flow'

/** TCP hears where it was going and then its echo, UDP its echo. */
export function answer(request: TcpRequest | UdpRequest): void {
  if (request.protocol === 'tcp') answerTcp(request)
  else answerUdp(request)
}

function answerTcp(request: TcpRequest): void {
  const flow = request.accept()
  flow.attach({
    data(chunk, hold) {
      if (!flow.send(chunk, hold())) flow.pause()
    },
    end: () => flow.end(),
    drain: () => flow.resume(),
    close: () => {},
  })
  flow.send(Buffer.from(`${request.to.address} ${request.to.port}\n`))
}

function answerUdp(request: UdpRequest): void {
  const flow = request.accept()
  flow.attach({ message: (datagram) => void flow.send(datagram), close: () => {} })
}

/** Where a request went: `tcp 1.2.3.4 80 from 192.0.2.1`. */
export const describeRequest = ({ protocol, from, to }: TcpRequest | UdpRequest): string => `${protocol} ${to.address} ${to.port} from ${from.address}`

const exec = promisify(execFile)

/** What a client program prints; this process serves it meanwhile. Its standard input is `input`. */
export async function client(program: string, words: readonly string[], input = ''): Promise<string> {
  const child = exec(program, words, { timeout: 5_000, killSignal: 'SIGKILL', maxBuffer: 64 << 20 })
  child.child.stdin?.end(input)
  const { stdout } = await child.catch((error: { stdout?: string; stderr?: string; code?: number }) => ({ stdout: `${error.stdout}[${error.code}] ${error.stderr}` }))
  return stdout
}

/** Both halves of a conversation: `echoed`. */
export const nc = (address: string, port: number, text = 'hello'): Promise<string> => client('nc', ['-N', '-w', '3', address, String(port)], text)
export const echoed = (address: string, port: number, text = 'hello'): string => `${address} ${port}\n${text}`

export function connected(port: number, host: string): Promise<Socket> {
  const socket = connect({ port, host })
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** `ECONNREFUSED`, `EHOSTUNREACH`, … */
export const refusal = (port: number, host: string): Promise<string> =>
  connected(port, host).then(
    (socket) => {
      socket.destroy()
      return 'connected'
    },
    (error: NodeJS.ErrnoException) => error.code ?? 'failed',
  )

/** The sizes of what comes back, one after the other; -1 for what has changed on the way. */
export async function udpEcho(address: string, port: number, sizes: readonly number[], patience = 3_000): Promise<number[]> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 })
  socket.connect(port, address)
  await once(socket, 'connect')
  const heard: number[] = []
  for (const size of sizes) {
    const sent = Buffer.alloc(size, size & 0xff)
    socket.send(sent)
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(patience) })) as [Buffer]
    heard.push(message.equals(sent) ? message.length : -1)
  }
  socket.close()
  return heard
}

export async function until(condition: () => unknown): Promise<void> {
  for (const deadline = Date.now() + 4_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
