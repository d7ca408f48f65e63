import { constants } from 'node:os'
import { CodedError } from '@tunnel/flow'
import { callError, checked } from '../ffi/call-error.ts'
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
} from '../ffi/constants.ts'
import { openDescriptor, preparing, trySetOption } from '../ffi/descriptor.ts'
import { errno, libc } from '../ffi/libc.ts'
import { acknowledgementError, parseAcknowledgement, type Acknowledgement } from './acknowledgement.ts'
import { align4 } from './attribute.ts'
import {
  encodeMessage,
  messageHeaderBytes,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseMessages,
  type NetlinkMessage,
} from './message.ts'
import { portClosed, portOpened } from './own-ports.ts'

/** A conversation with one netlink family, synchronous: the kernel answers within the call that asks. */
export interface NetlinkSocket {
  readonly fd: number
  /** By which the kernel names this socket in what it tells others. */
  readonly port: number
  /**
   * Sends one message and gives the payloads of all that answers it, without their headers. REQUEST is added, and ACK unless it is
   * a DUMP. Throws what the kernel refuses; the text of its extended acknowledgement is in the message.
   */
  request(type: number, flags: number, payload: Uint8Array): Uint8Array[]
  /**
   * Sends messages that lie one behind the other (`encodeMessage`) in one call. REQUEST and the sequence numbers are set here, in
   * place. Throws the first that was refused, its place in `detail.index`; a message with ACK that got no answer counts as refused.
   */
  sendBatch(messages: Uint8Array): void
  /** The same, with what the kernel said to each: `undefined` to a message without ACK that was not refused. */
  exchange(messages: Uint8Array): readonly (Acknowledgement | undefined)[]
  close(): void
}

/** An acknowledgement takes about 1 kB of the receive buffer's account: enough for a batch of 10,000. */
const receiveBufferBytes = 16 << 20
/** No single answer is longer: the kernel builds lists in pieces of at most 32 KiB, and a rule with its comment is shorter. */
const answerMaxBytes = 1 << 18
const dumpAttempts = 8
const routeProtocol = 0
const { ENOBUFS, EINTR, EAGAIN, EMSGSIZE } = constants.errno
const noAnswer: Acknowledgement = { errno: constants.errno.ETIMEDOUT, text: 'the kernel did not answer' }

/** `protocol`: 0 routes, links, addresses and rules; 12 netfilter. */
export function openNetlink(protocol: number): NetlinkSocket {
  const doing = `open a netlink socket for protocol ${protocol}`
  return preparing(openDescriptor(AF_NETLINK, SOCK_RAW, protocol, doing), (fd) => {
    // Kernels before 4.20 lack one or the other: answers are then less exact, or longer.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) trySetOption(fd, SOL_NETLINK, option, 1)
    growBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receiveBufferBytes)
    const address = new Uint8Array(12)
    address[0] = AF_NETLINK
    checked(libc().bind(fd, address, address.length), 'bind', doing)
    const length = new Uint8Array([address.length, 0, 0, 0])
    checked(libc().getsockname(fd, address, length), 'getsockname', doing)
    return new FfiNetlinkSocket(fd, protocol, new DataView(address.buffer).getUint32(4, true))
  })
}

/** Beyond the system's limit where the privilege is there, up to it where not. */
function growBuffer(fd: number, force: number, plain: number, bytes: number): void {
  if (trySetOption(fd, SOL_SOCKET, force, bytes) !== 0) trySetOption(fd, SOL_SOCKET, plain, bytes)
}

/** Only CAP_NET_ADMIN of the host itself, not that of a user namespace, lets a socket have a larger buffer. */
const tooLarge = (bytes: number): string => `this container may not use so large a buffer. On the host: sysctl -w net.core.wmem_max=${bytes + 64}`

class FfiNetlinkSocket implements NetlinkSocket {
  readonly fd: number
  readonly port: number
  readonly #protocol: number
  #closed = false
  #sequence = 0
  #sendBufferBytes = 0
  readonly #answer = new Uint8Array(answerMaxBytes)

  constructor(fd: number, protocol: number, port: number) {
    this.fd = fd
    this.port = port
    this.#protocol = protocol
    // Each protocol numbers its ports for itself.
    if (protocol === routeProtocol) portOpened(port)
  }

  request(type: number, flags: number, payload: Uint8Array): Uint8Array[] {
    const dump = (flags & NLM_F_DUMP) === NLM_F_DUMP
    const message = encodeMessage(type, flags | (dump ? 0 : NLM_F_ACK), payload)
    for (let attempt = 1; ; attempt++) {
      const first = this.#send(message, 1)
      const answers = dump ? this.#collectDump(first) : this.#collect(first)
      if (answers) return answers
      if (attempt === dumpAttempts) throw new CodedError('linux.call-failed', 'A list of the kernel kept changing while it was read')
    }
  }

  exchange(messages: Uint8Array): readonly (Acknowledgement | undefined)[] {
    return this.#exchange(messages, wantedAnswers(messages).length)
  }

  sendBatch(messages: Uint8Array): void {
    const wanted = wantedAnswers(messages)
    const answers = this.#exchange(messages, wanted.length)
    const refused = answers.findIndex((answer) => answer !== undefined && answer.errno !== 0)
    const silent = refused >= 0 ? -1 : answers.findIndex((answer, index) => answer === undefined && wanted[index])
    const index = Math.max(refused, silent)
    if (index >= 0) throw batchError(index, `make change ${index + 1} of ${answers.length}`, answers[index])
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    libc().close(this.fd)
    if (this.#protocol === routeProtocol) portClosed(this.port)
  }

  #exchange(messages: Uint8Array, count: number): (Acknowledgement | undefined)[] {
    const answers = Array.from<Acknowledgement | undefined>({ length: count })
    if (count === 0) return answers
    const first = this.#send(messages, count)
    // The kernel has worked through all of it when send returns: what it has to say lies in the receive queue.
    for (let batch = this.#receive(); batch; batch = this.#receive()) {
      for (const message of batch) {
        const index = (message.sequence - first) >>> 0
        if (message.type === NLMSG_ERROR && index < count) answers[index] = parseAcknowledgement(message)
      }
    }
    return answers
  }

  /** Numbers the messages in place and sends them in one call; gives the first number. */
  #send(messages: Uint8Array, count: number): number {
    if (this.#closed) throw new CodedError('linux.call-failed', 'The netlink socket is closed')
    const first = (this.#sequence + 1) >>> 0
    this.#sequence = (this.#sequence + count) >>> 0
    const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength)
    let sequence = first
    for (let at = 0; at < messages.length; at += align4(view.getUint32(at, true))) {
      view.setUint16(at + 6, view.getUint16(at + 6, true) | NLM_F_REQUEST, true)
      view.setUint32(at + 8, sequence, true)
      sequence = (sequence + 1) >>> 0
    }
    // The kernel takes a message only if it fits the send buffer (netlink_sendmsg: EMSGSIZE).
    if (messages.length + 64 > this.#sendBufferBytes) {
      this.#sendBufferBytes = Math.max(messages.length + 64, 1 << 18)
      growBuffer(this.fd, SO_SNDBUFFORCE, SO_SNDBUF, this.#sendBufferBytes)
    }
    while (libc().send(this.fd, messages, messages.length, 0) < 0) {
      const number = errno()
      if (number === EMSGSIZE) throw callError(`send ${messages.length} bytes to the kernel at once`, 'send', number, tooLarge(messages.length))
      if (number !== EINTR) throw callError(`send ${messages.length} bytes to the kernel`, 'send', number)
    }
    return first
  }

  /** Every message of the next datagram; `undefined` when there is none. */
  #receive(): NetlinkMessage[] | undefined {
    for (;;) {
      const length = libc().recv(this.fd, this.#answer, this.#answer.length, MSG_DONTWAIT | MSG_TRUNC)
      if (length >= 0 && length <= this.#answer.length) {
        const messages = parseMessages(this.#answer.subarray(0, length))
        if (messages) return messages
      }
      const number = length >= 0 ? ENOBUFS : errno()
      if (number === EAGAIN) return undefined
      if (number !== EINTR) throw callError('read the answer of the kernel', 'recv', number)
    }
  }

  /** What was asked for, until the acknowledgement that ends it. */
  #collect(sequence: number): Uint8Array[] {
    const answers: Uint8Array[] = []
    for (let batch = this.#receive(); batch; batch = this.#receive()) {
      for (const message of batch) {
        if (message.sequence !== sequence) continue
        if (message.type !== NLMSG_ERROR) {
          answers.push(message.payload.slice())
          continue
        }
        const answer = parseAcknowledgement(message)
        if (answer?.errno === 0) return answers
        throw acknowledgementError(answer ?? noAnswer, 'change or read the network settings')
      }
    }
    throw acknowledgementError(noAnswer, 'change or read the network settings')
  }

  /** A list until its end; `undefined` when it changed while it was read. */
  #collectDump(sequence: number): Uint8Array[] | undefined {
    const answers: Uint8Array[] = []
    let interrupted = false
    for (let batch = this.#receive(); batch; batch = this.#receive()) {
      for (const message of batch) {
        if (message.sequence !== sequence) continue
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0
        if (message.type === NLMSG_DONE) {
          throwFailure(message)
          return interrupted ? undefined : answers
        }
        if (message.type !== NLMSG_ERROR) answers.push(message.payload.slice())
        else throw acknowledgementError(parseAcknowledgement(message) ?? noAnswer, 'read the network settings')
      }
    }
    throw acknowledgementError(noAnswer, 'read the network settings')
  }
}

/** A list that could not be made ends with the reason, as a negative errno. */
function throwFailure({ payload }: NetlinkMessage): void {
  const errno = payload.length < 4 ? 0 : -new DataView(payload.buffer, payload.byteOffset).getInt32(0, true)
  if (errno > 0) throw acknowledgementError({ errno, text: undefined }, 'read the network settings')
}

/** Of each message, whether it asks for an acknowledgement. Throws RangeError when a length lies. */
function wantedAnswers(messages: Uint8Array): boolean[] {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength)
  const wanted: boolean[] = []
  let at = 0
  while (at < messages.length) {
    const length = messages.length - at < messageHeaderBytes ? 0 : view.getUint32(at, true)
    if (length < messageHeaderBytes || align4(length) > messages.length - at) {
      throw new RangeError(`Message ${wanted.length} of the batch has a false length`)
    }
    wanted.push((view.getUint16(at + 6, true) & NLM_F_ACK) !== 0)
    at += align4(length)
  }
  return wanted
}

function batchError(index: number, doing: string, answer: Acknowledgement | undefined): CodedError {
  const error = acknowledgementError(answer ?? noAnswer, doing)
  return new CodedError(error.code, error.message, { detail: { ...error.detail, index } })
}
