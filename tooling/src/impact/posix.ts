import { constants } from 'node:os'
import koffi from 'koffi'
import { addressBytes, be16, versionOf } from './packet.ts'

const libc = koffi.load(null)
const declare = <F>(text: string): F => libc.func(text) as unknown as F
const calls = {
  unshare: declare<(flags: number) => number>('int unshare(int flags)'),
  socket: declare<(family: number, type: number, protocol: number) => number>('int socket(int family, int type, int protocol)'),
  bind: declare<(fd: number, address: Uint8Array, length: number) => number>('int bind(int fd, const void *address, unsigned int length)'),
  listen: declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)'),
  accept4: declare<(fd: number, address: null, length: null, flags: number) => number>('int accept4(int fd, void *address, void *length, int flags)'),
  connect: declare<(fd: number, address: Uint8Array, length: number) => number>('int connect(int fd, const void *address, unsigned int length)'),
  setsockopt: declare<(fd: number, level: number, name: number, value: Uint8Array, length: number) => number>('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
  getsockopt: declare<(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number>('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  sendto: declare<(fd: number, data: Uint8Array, length: number, flags: number, to: Uint8Array | null, toLength: number) => number>('int64_t sendto(int fd, const void *data, size_t length, int flags, const void *to, unsigned int toLength)'),
  recvfrom: declare<(fd: number, data: Uint8Array, length: number, flags: number, from: Uint8Array | null, fromLength: Uint8Array | null) => number>('int64_t recvfrom(int fd, void *data, size_t length, int flags, void *from, void *fromLength)'),
  getpeername: declare<(fd: number, address: Uint8Array, length: Uint8Array) => number>('int getpeername(int fd, void *address, void *length)'),
  shutdown: declare<(fd: number, how: number) => number>('int shutdown(int fd, int how)'),
  close: declare<(fd: number) => number>('int close(int fd)'),
}

const [AF_INET, AF_INET6] = [2, 10]
const SOCK_NONBLOCK = 0o4000
const CLONE_NEWNET = 0x4000_0000
export const { EAGAIN, EINPROGRESS, ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH } = constants.errno
export const solSocket = { level: 1, reuseAddress: 2, error: 4, receiveBuffer: 8, linger: 13 } as const
export const ipv6Only = { level: 41, name: 26 } as const
export const solTcp = { level: 6, noDelay: 1, linger2: 8, userTimeout: 18, info: 11 } as const

/** A call has failed; `errno` says why. */
export class PosixError extends Error {
  readonly errno: number

  constructor(call: string, errno: number) {
    super(`${call}: errno ${errno}`)
    this.errno = errno
  }
}

function checked(call: string, result: number): number {
  if (result < 0) throw new PosixError(call, koffi.errno())
  return result
}

/** This thread gets a network of its own. */
export function unshareNetwork(): void {
  checked('unshare', calls.unshare(CLONE_NEWNET))
}

/** struct sockaddr_in and sockaddr_in6. */
function socketAddress(address: string, port: number): Uint8Array {
  if (versionOf(address) === 4) return Uint8Array.from([AF_INET, 0, ...be16(port), ...addressBytes(address), ...Array<number>(8).fill(0)])
  return Uint8Array.from([AF_INET6, 0, ...be16(port), 0, 0, 0, 0, ...addressBytes(address), 0, 0, 0, 0])
}

/** Sockets of the kernel, in the network of this thread: each call is the system's own and never waits. */
export class PosixSocket {
  readonly fd: number

  constructor(fd: number) {
    this.fd = fd
  }

  static open(version: 4 | 6, type: 'stream' | 'datagram'): PosixSocket {
    return new PosixSocket(checked('socket', calls.socket(version === 4 ? AF_INET : AF_INET6, (type === 'stream' ? 1 : 2) | SOCK_NONBLOCK, 0)))
  }

  set(level: number, name: number, ...values: number[]): void {
    const value = new Uint8Array(Int32Array.from(values).buffer)
    checked('setsockopt', calls.setsockopt(this.fd, level, name, value, value.length))
  }

  /** SO_ERROR; reading it clears it. */
  takeError(): number {
    return this.get(solSocket.level, solSocket.error, 4).getInt32(0, true)
  }

  /** The first `length` bytes of an option that is a structure. */
  get(level: number, name: number, length: number): DataView {
    const value = new Uint8Array(length)
    checked('getsockopt', calls.getsockopt(this.fd, level, name, value, new Uint8Array(Int32Array.of(length).buffer)))
    return new DataView(value.buffer)
  }

  bind(address: string, port: number): void {
    const at = socketAddress(address, port)
    checked('bind', calls.bind(this.fd, at, at.length))
  }

  listen(backlog: number): void {
    checked('listen', calls.listen(this.fd, backlog))
  }

  accept(): PosixSocket | undefined {
    const fd = calls.accept4(this.fd, null, null, SOCK_NONBLOCK)
    return fd < 0 ? undefined : new PosixSocket(fd)
  }

  /** 0, or what is wrong: EINPROGRESS in the usual case. */
  connect(address: string, port: number): number {
    const to = socketAddress(address, port)
    return calls.connect(this.fd, to, to.length) === 0 ? 0 : koffi.errno()
  }

  /** The handshake is done. */
  isConnected(): boolean {
    return calls.getpeername(this.fd, new Uint8Array(28), Uint8Array.of(28, 0, 0, 0)) === 0
  }

  /** Bytes sent, or less than 0: the errno. */
  send(data: Uint8Array, to?: { readonly address: string; readonly port: number }): number {
    const address = to ? socketAddress(to.address, to.port) : null
    const noSignal = 0x4000
    const sent = Number(calls.sendto(this.fd, data, data.length, noSignal, address, address?.length ?? 0))
    return sent < 0 ? -koffi.errno() : sent
  }

  /** What has come, or the errno. */
  receive(): Uint8Array | number {
    const data = new Uint8Array(65_536)
    const length = Number(calls.recvfrom(this.fd, data, data.length, 0, null, null))
    return length < 0 ? koffi.errno() : data.slice(0, length)
  }

  shutdown(): void {
    calls.shutdown(this.fd, 1)
  }

  close(): void {
    calls.close(this.fd)
  }
}
