import type { Socket } from 'node:net'

/**
 * What every far end of the benchmark speaks: one line in, then `down N` sends N bytes and ends, `up N` takes N bytes and
 * answers `.`, `echo` sends back what comes, `hello` answers `.` and ends.
 */
export type Order = { readonly kind: 'down' | 'up'; readonly bytes: number } | { readonly kind: 'echo' | 'hello' }

export const formatOrder = (order: Order): string => ('bytes' in order ? `${order.kind} ${order.bytes}\n` : `${order.kind}\n`)

function parseOrder(line: string): Order | undefined {
  const match = /^(?:(down|up) (\d+)|(echo|hello))$/.exec(line)
  if (match === null) return undefined
  const [, kind, bytes, other] = match
  if (kind === 'down' || kind === 'up') return { kind, bytes: Number(bytes) }
  return { kind: other as 'echo' | 'hello' }
}

/** The byte pipe that the far end is asked over: a socket, or a circuit behind an adapter of a few lines. */
export interface FarPipe {
  /** `constant`: the chunk is never written to again and need not be copied. */
  write(chunk: Uint8Array, constant: boolean): boolean
  end(): void
}

/** Serves one connection; the returned functions take what comes. `message` is the size of each write of `down`. */
export function serveOrder(pipe: FarPipe, message: number): { data(chunk: Uint8Array): void; drain(): void } {
  const block = Buffer.alloc(message, 'ziti')
  let line = ''
  let order: Order | undefined
  let left = 0

  const send = (): void => {
    while (left > 0) {
      const chunk = left < block.length ? block.subarray(0, left) : block
      left -= chunk.length
      if (!pipe.write(chunk, true)) return
    }
    if (left === 0) pipe.end()
    left = -1
  }
  const take = (bytes: number): void => {
    left -= bytes
    if (left > 0) return
    pipe.write(Buffer.from('.'), true)
    pipe.end()
  }
  const start = (parsed: Order | undefined, rest: Uint8Array): void => {
    order = parsed ?? { kind: 'hello' }
    if ('bytes' in order) left = order.bytes
    if (order.kind === 'down') send()
    else if (order.kind === 'hello') take(1)
    else if (rest.length > 0) data(rest)
  }
  const data = (chunk: Uint8Array): void => {
    if (order?.kind === 'up') take(chunk.length)
    else if (order?.kind === 'echo') pipe.write(chunk, false)
    else if (order === undefined) {
      const newline = chunk.indexOf(10)
      line += Buffer.from(newline < 0 ? chunk : chunk.subarray(0, newline)).toString('latin1')
      if (newline >= 0 || line.length > 100) start(parseOrder(line), chunk.subarray(newline + 1))
    }
  }
  return {
    data,
    drain: () => {
      if (order?.kind === 'down' && left >= 0) send()
    },
  }
}

/** Serves one socket. */
export function serveSocket(socket: Socket, message = 65_536): void {
  socket.setNoDelay(true)
  const far = serveOrder({ write: (chunk) => socket.write(chunk), end: () => socket.end() }, message)
  socket.on('data', (chunk: Buffer) => far.data(chunk))
  socket.on('drain', () => far.drain())
  socket.on('end', () => socket.end())
  socket.on('error', () => socket.destroy())
}
