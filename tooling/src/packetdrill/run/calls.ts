import type { Clock, CodedError, Flow } from '@tunnel/flow'
import type { Netstack, TcpListener } from '@tunnel/netstack'
import { createAbortedError } from '@tunnel/flow'
import type { CallEvent } from '../script.ts'
import { Arguments } from './arguments.ts'
import { polled } from './poll.ts'
import { done, errnoOf, failed, StreamSocket, type Attempt, type Outcome } from './socket.ts'
import { ignoredOptions, stackOptions } from './stack-settings.ts'

/** One descriptor: what it is depends on what was called on it. */
interface Descriptor {
  nonBlocking: boolean
  /** `SO_LINGER` with a time of zero: close is a reset. */
  abortive: boolean
  listener?: TcpListener
  readonly accepted: Flow[]
  stream?: StreamSocket
  connecting?: AbortController
  connectFailure?: CodedError
  bound?: boolean
}

export interface CallsOptions {
  readonly stack: Netstack
  readonly clock: Clock
  readonly remote: string
  readonly port: number
}

/** The calls of a script on sockets, over a `Netstack`. */
export class Calls {
  readonly #options: CallsOptions
  readonly #descriptors = new Map<number, Descriptor>()
  /** Of the latest connection, also when its socket is closed: facts are its facts. */
  latest: Flow | undefined

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** Begins a call. Throws an `Error` in words for what is not of the language as it is understood here. */
  start(call: CallEvent): { readonly attempt: Attempt; readonly blocks: boolean } {
    const values = new Arguments(call)
    const attempt = this.#begin(call, values)
    const first = call.values[0]
    const descriptor = first?.kind === 'number' ? this.#descriptors.get(first.value) : undefined
    return { attempt, blocks: !descriptor?.nonBlocking && !values.has(3, 'MSG_DONTWAIT') }
  }

  /** What a socket that does not block says where another would. */
  wouldBlock(call: CallEvent): Outcome {
    return call.name === 'connect' ? failed('EINPROGRESS') : failed('EAGAIN')
  }

  #begin(call: CallEvent, values: Arguments): Attempt {
    const socket = (): Descriptor => this.#find(values.number(0))
    switch (call.name) {
      case 'socket':
        return this.#socket(values)
      case 'poll':
        return polled(values, this.#options.clock, (fd) => this.#find(fd))
      case 'bind':
        return () => this.#bind(socket())
      case 'listen':
        return () => this.#listen(socket())
      case 'accept':
        return () => this.#accept(socket())
      case 'connect':
        return this.#connect(socket())
      case 'read':
      case 'recv':
        return () => this.#stream(socket(), (stream) => stream.read(values.number(2)))
      case 'write':
      case 'send':
        return () => this.#stream(socket(), (stream) => stream.write(values.number(2)))
      case 'shutdown':
        return () => this.#stream(socket(), (stream) => stream.shutdown(values.word(1)))
      case 'close':
        return () => this.#close(values.number(0))
      case 'fcntl':
        return () => this.#control(socket(), values)
      case 'setsockopt':
        return () => this.#setOption(socket(), values)
      case 'getsockopt':
        return () => this.#getOption(socket(), values)
      default:
        throw new Error(`the call ${call.name} is not supported`)
    }
  }

  #find(number: number): Descriptor {
    const descriptor = this.#descriptors.get(number)
    if (!descriptor) throw new Error(`there is no socket ${number}`)
    return descriptor
  }

  #add(descriptor: Descriptor): number {
    let number = 3
    while (this.#descriptors.has(number)) number += 1
    this.#descriptors.set(number, descriptor)
    return number
  }

  #socket(values: Arguments): Attempt {
    if (!values.has(1, 'SOCK_STREAM')) throw new Error('only sockets of TCP are supported: SOCK_STREAM')
    const nonBlocking = values.has(1, 'SOCK_NONBLOCK')
    return () => done(this.#add({ nonBlocking, abortive: false, accepted: [] }))
  }

  #bind(socket: Descriptor): Outcome {
    socket.bound = true
    return done()
  }

  #listen(socket: Descriptor): Outcome {
    const { stack, port } = this.#options
    socket.listener = stack.listen({ port }, (flow) => socket.accepted.push(flow))
    return done()
  }

  #accept(socket: Descriptor): Outcome | undefined {
    if (!socket.listener) return failed('EINVAL')
    const flow = socket.accepted.shift()
    if (!flow) return undefined
    this.latest = flow
    return done(this.#add({ nonBlocking: false, abortive: false, accepted: [], stream: new StreamSocket(flow) }))
  }

  #connect(socket: Descriptor): Attempt {
    if (!socket.connecting && !socket.stream) {
      const { stack, remote, port } = this.#options
      const controller = new AbortController()
      socket.connecting = controller
      stack.connect({ address: remote, port }, { signal: controller.signal, ...(socket.bound && { from: { port } }) }).then(
        (flow) => {
          socket.stream = new StreamSocket(flow)
          this.latest = flow
          delete socket.connecting
        },
        (error: CodedError) => {
          socket.connectFailure = error
          delete socket.connecting
        },
      )
      return () => {
        if (socket.connectFailure) return this.#takeConnectFailure(socket)
        return socket.stream ? done() : undefined
      }
    }
    return () => (socket.stream ? failed('EISCONN') : failed('EALREADY'))
  }

  #takeConnectFailure(socket: Descriptor): Outcome | undefined {
    const error = socket.connectFailure
    delete socket.connectFailure
    return error && failed(errnoOf(error))
  }

  #stream(socket: Descriptor, call: (stream: StreamSocket) => Outcome | undefined): Outcome | undefined {
    if (socket.stream) return call(socket.stream)
    if (socket.connecting) return undefined
    return this.#takeConnectFailure(socket) ?? failed('ENOTCONN')
  }

  #close(number: number): Outcome {
    const socket = this.#find(number)
    this.#descriptors.delete(number)
    socket.listener?.close()
    for (const flow of socket.accepted) flow.reset(createAbortedError())
    socket.connecting?.abort()
    socket.stream?.close(socket.abortive)
    return done()
  }

  #control(socket: Descriptor, values: Arguments): Outcome {
    const command = values.word(1)
    if (command === 'F_GETFL') return done(socket.nonBlocking ? 0x802 : 0x2)
    if (command !== 'F_SETFL') throw new Error(`fcntl ${command} is not supported`)
    socket.nonBlocking = values.has(2, 'O_NONBLOCK')
    return done()
  }

  #setOption(socket: Descriptor, values: Arguments): Outcome {
    const name = values.word(2)
    if (name === 'SO_LINGER') socket.abortive = values.memberNumber(3, 'onoff') === 1 && values.memberNumber(3, 'linger') === 0
    // The others were read before the stack was made: they are the stack's (stack-settings.ts).
    else if (!stackOptions.includes(name) && !ignoredOptions.includes(name)) throw new Error(`the option ${name} is not supported`)
    return done()
  }

  #getOption(socket: Descriptor, values: Arguments): Outcome {
    const name = values.word(2)
    if (name !== 'SO_ERROR') throw new Error(`getsockopt ${name} is not supported`)
    const [expected] = values.list(3)
    const error = this.#takeConnectFailure(socket)?.errno ?? socket.stream?.takeError().errno ?? '0'
    const words = expected?.kind === 'words' ? expected.words.join('|') : expected?.kind === 'number' ? String(expected.value) : error
    if (words !== error) throw new Error(`getsockopt SO_ERROR: expected ${words}, found ${error}`)
    return done()
  }
}
