import { CodedError, createAbortedError, type Flow } from '@tunnel/flow'
import { tcpInfo } from '@tunnel/netstack'

/** What a call has come to: its value, or -1 and why. */
export interface Outcome {
  readonly value: number
  readonly errno?: string
}

/** Not yet: the call would block. */
export type Attempt = () => Outcome | undefined

export const failed = (errno: string): Outcome => ({ value: -1, errno })
export const done = (value = 0): Outcome => ({ value })

const errnos: Readonly<Record<string, string>> = {
  'flow.reset': 'ECONNRESET',
  'flow.transport': 'ETIMEDOUT',
  'flow.connect-timeout': 'ETIMEDOUT',
  'flow.connect-refused': 'ECONNREFUSED',
  'flow.connect-unreachable': 'EHOSTUNREACH',
}

export function errnoOf(error: CodedError): string {
  return errnos[error.code] ?? error.code
}

/** A connected socket over a `Flow`: reads take what they ask for and leave the rest to the stack, whose window shows it. */
export class StreamSocket {
  readonly flow: Flow
  #received = 0
  #wanted = 0
  #ended = false
  #full = false
  #closed = false
  #error: CodedError | undefined
  #readShut = false
  #writeShut = false

  constructor(flow: Flow) {
    this.flow = flow
    flow.attach({
      data: (chunk) => this.#take(chunk.length),
      end: () => {
        this.#ended = true
      },
      drain: () => {
        this.#full = false
      },
      close: (error) => {
        this.#error = error
        this.#ended = true
      },
    })
    flow.pause()
  }

  get readable(): boolean {
    return this.#unread > 0 || this.#ended || this.#readShut
  }

  get writable(): boolean {
    return !this.#full || this.#error !== undefined
  }

  get peerEnded(): boolean {
    return this.#ended
  }

  get failure(): boolean {
    return this.#error !== undefined
  }

  read(count: number): Outcome | undefined {
    if (this.#received === 0 && this.#error) return this.takeError()
    if (this.#received > 0 || this.#ended) {
      const taken = Math.min(count, this.#received)
      this.#received -= taken
      return done(taken)
    }
    if (this.#readShut && this.#unread === 0) return done(0)
    this.#wanted = count
    this.flow.resume()
    return undefined
  }

  /** All or nothing: the language's scripts write what fits. */
  write(count: number): Outcome | undefined {
    if (this.#error) return this.#error.code === 'flow.aborted' ? failed('EPIPE') : this.takeError()
    if (this.#writeShut) return failed('EPIPE')
    if (this.#full) return undefined
    this.#full = !this.flow.send(new Uint8Array(count))
    return done(count)
  }

  /** As a kernel does: told once. */
  takeError(): Outcome {
    const error = this.#error
    if (!error) return done(0)
    this.#error = createAbortedError()
    return error.code === 'flow.aborted' ? done(0) : failed(errnoOf(error))
  }

  shutdown(how: string): Outcome {
    if (this.#error) return failed('ENOTCONN')
    if (how !== 'SHUT_WR') this.#readShut = true
    if (how !== 'SHUT_RD') {
      this.#writeShut = true
      this.flow.end()
    }
    // Whoever takes nothing more, and has said that he sends nothing more, has no use for data (RFC 9293 3.6.1).
    if (this.#readShut && this.#writeShut && this.#unread === 0) this.flow.resume()
    return done()
  }

  /** Unread data, and data that comes later, is lost: the peer must hear of that by a reset (RFC 9293 3.6.1). */
  close(abort: boolean): void {
    this.#closed = true
    if (abort || this.#unread > 0) this.flow.reset(createAbortedError())
    else {
      this.flow.end()
      this.flow.resume()
    }
  }

  get #unread(): number {
    return this.#received + (tcpInfo(this.flow)?.unreadBytes ?? 0)
  }

  #take(count: number): void {
    if (this.#closed || (this.#readShut && this.#writeShut)) {
      this.flow.reset(createAbortedError())
      return
    }
    this.#received += count
    if (this.#received >= this.#wanted) this.flow.pause()
  }
}
