import { constants } from 'node:os'
import { callError, checked } from '../ffi/call-error.ts'
import { AF_UNIX, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET } from '../ffi/constants.ts'
import { addressOf, errno, libc } from '../ffi/libc.ts'

/** What came in: text, and a descriptor of the sender's that is ours now, close-on-exec. */
export interface ChannelMessage {
  readonly text: string
  readonly descriptor?: number
}

const longestMessageBytes = 128 * 1024

/** struct msghdr: name (8), its length (4, padded), iovec (8), count (8), control (8), its length (8), flags (4). */
const headerBytes = 56
const vectorBytes = 16
/** struct cmsghdr (16) and one descriptor, padded (cmsg(3)). */
const controlBytes = 24
const controlLength = 20
const descriptorOffset = 16
const { EAGAIN, EINTR } = constants.errno

/** Two ends of a connection within this host. Messages stay whole, and a descriptor may go along with each (unix(7), SCM_RIGHTS). */
export function openDescriptorChannel(): readonly [number, number] {
  const pair = new Uint8Array(8)
  checked(libc().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 'socketpair', 'open a pair of sockets')
  const view = new DataView(pair.buffer)
  return [view.getInt32(0, true), view.getInt32(4, true)]
}

/** Throws `linux.call-failed` when the other end is gone. */
export function sendMessage(channel: number, text: string, descriptor?: number): void {
  const control = descriptor === undefined ? undefined : controlOf(descriptor)
  const message = new Message(new TextEncoder().encode(text), control)
  checked(libc().sendmsg(channel, message.header, MSG_NOSIGNAL), 'sendmsg', 'hand over a descriptor')
}

/** The next message; `ended` when the other end is gone, and `later`, unless it waits, when there is none yet. */
export function receiveMessage(channel: number, { wait }: { readonly wait: boolean }): ChannelMessage | 'ended' | 'later' {
  const control = new Uint8Array(controlBytes)
  const message = new Message(new Uint8Array(longestMessageBytes), control)
  for (;;) {
    const length = libc().recvmsg(channel, message.header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT))
    const number = length < 0 ? errno() : 0
    if (number === EINTR) continue
    if (number === EAGAIN) return 'later'
    if (number !== 0) throw callError('take over a descriptor', 'recvmsg', number)
    if (length === 0) return 'ended'
    const text = new TextDecoder().decode(message.bytes.subarray(0, length))
    return { text, ...(message.receivedControlBytes >= controlLength && { descriptor: descriptorIn(control) }) }
  }
}

/** Keeps what the header points to. */
class Message {
  readonly header = new Uint8Array(headerBytes)
  readonly bytes: Uint8Array
  readonly #vector = new Uint8Array(vectorBytes)
  readonly #control: Uint8Array | undefined

  constructor(bytes: Uint8Array, control: Uint8Array | undefined) {
    this.bytes = bytes
    this.#control = control
    const vector = new DataView(this.#vector.buffer)
    vector.setBigUint64(0, addressOf(bytes), true)
    vector.setBigUint64(8, BigInt(bytes.length), true)
    const header = new DataView(this.header.buffer)
    header.setBigUint64(16, addressOf(this.#vector), true)
    header.setBigUint64(24, 1n, true)
    if (!this.#control) return
    header.setBigUint64(32, addressOf(this.#control), true)
    header.setBigUint64(40, BigInt(this.#control.length), true)
  }

  /** As the kernel has left it. */
  get receivedControlBytes(): number {
    return Number(new DataView(this.header.buffer).getBigUint64(40, true))
  }
}

function controlOf(descriptor: number): Uint8Array {
  const control = new Uint8Array(controlBytes)
  const view = new DataView(control.buffer)
  view.setBigUint64(0, BigInt(controlLength), true)
  view.setInt32(8, SOL_SOCKET, true)
  view.setInt32(12, SCM_RIGHTS, true)
  view.setInt32(descriptorOffset, descriptor, true)
  return control
}

const descriptorIn = (control: Uint8Array): number => new DataView(control.buffer).getInt32(descriptorOffset, true)
