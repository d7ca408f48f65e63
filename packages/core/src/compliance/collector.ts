import type { CodedError, DatagramFlow, Flow } from '@tunnel/flow'
import { deferred } from './deferred.ts'

/** Everything that one end of a flow hears. */
export interface Collector {
  /** All bytes so far. */
  readonly bytes: Uint8Array
  readonly length: number
  /** Resolves when the other side has ended its half. */
  readonly ended: Promise<void>
  /** Resolves with the error of `close`, if any. */
  readonly closed: Promise<CodedError | undefined>
  /** Resolves when that many bytes have come. */
  has(bytes: number): Promise<void>
  /** Resolves at the next `drain`. */
  drained(): Promise<void>
}

/** Attaches to `flow` and keeps what comes; with `keep: false` only its length. */
export function collect(flow: Flow, { keep = true }: { keep?: boolean } = {}): Collector {
  const chunks: Uint8Array[] = []
  const ended = deferred<void>()
  const closed = deferred<CodedError | undefined>()
  const waiters = new Set<() => void>()
  let drained = deferred<void>()
  let length = 0

  flow.attach({
    data(chunk) {
      if (keep) chunks.push(Uint8Array.from(chunk))
      length += chunk.length
      for (const waiter of waiters) waiter()
    },
    end: () => ended.resolve(undefined),
    drain() {
      drained.resolve(undefined)
      drained = deferred()
    },
    close: (error) => closed.resolve(error),
  })

  return {
    get bytes() {
      return joined(chunks)
    },
    get length() {
      return length
    },
    ended: ended.promise,
    closed: closed.promise,
    has: (bytes) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (length < bytes) return
          waiters.delete(check)
          resolve()
        }
        waiters.add(check)
        check()
      }),
    drained: () => drained.promise,
  }
}

export interface DatagramCollector {
  /** Resolves with the first `count` datagrams. */
  first(count: number): Promise<Uint8Array[]>
  readonly closed: Promise<CodedError | undefined>
}

export function collectDatagrams(flow: DatagramFlow): DatagramCollector {
  const datagrams: Uint8Array[] = []
  const closed = deferred<CodedError | undefined>()
  const waiters = new Set<() => void>()
  flow.attach({
    message(datagram) {
      datagrams.push(Uint8Array.from(datagram))
      for (const waiter of waiters) waiter()
    },
    close: (error) => closed.resolve(error),
  })
  return {
    closed: closed.promise,
    first: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (datagrams.length < count) return
          waiters.delete(check)
          resolve(datagrams.slice(0, count))
        }
        waiters.add(check)
        check()
      }),
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** Bytes that tell where they come from: a gap, a repeat or a swap shows. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = (seed + 1) * 2_654_435_761
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
