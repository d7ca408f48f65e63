import { describe, expect, it } from 'vitest'
import { tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { BlockPool } from './buffer/block-pool.ts'
import { resetFor } from './reset-for.ts'
import { toSeq } from './seq.ts'
import { TcpConnection } from './tcp-connection.ts'
import { tcpSettings } from './tcp-settings.ts'

/** What may happen next: an application ends its half, a segment arrives, a segment is lost, the next timer rings. */
const events = ['left ends', 'right ends', 'to right', 'to left', 'to right is lost', 'to left is lost', 'time'] as const
type Event = (typeof events)[number]

interface End {
  readonly connection: TcpConnection
  readonly outbox: Segment[]
  began: boolean
  ended: boolean
  received: number
}

/** Two connections, each with a byte to say, and the segments between them. */
class Pair {
  now = 0
  readonly left = createEnd(1000, 2000)
  readonly right = createEnd(2000, 1000)

  constructor(both: boolean) {
    this.#open(this.left)
    if (both) this.#open(this.right)
    for (const { connection } of [this.left, this.right]) connection.write(Uint8Array.of(7), undefined)
    this.#transmit()
  }

  /** False if nothing can happen by it now. */
  happens(event: Event): boolean {
    const { left, right } = this
    if (event === 'left ends' || event === 'right ends') {
      const end = event === 'left ends' ? left : right
      if (end.ended) return false
      end.ended = true
      end.connection.finish()
    } else if (event === 'time') {
      const wake = Math.min(left.connection.nextWake(), right.connection.nextWake())
      if (wake === Number.POSITIVE_INFINITY) return false
      this.now = Math.max(this.now, wake)
    } else {
      const [from, to] = event.startsWith('to right') ? [left, right] : [right, left]
      const segment = from.outbox.shift()
      if (!segment) return false
      if (!event.endsWith('lost')) this.#arrive(to, segment)
    }
    this.#transmit()
    return true
  }

  /** From here on nothing is lost, and both end. */
  settle(): void {
    this.left.connection.finish()
    this.right.connection.finish()
    for (let turn = 0; turn < 500 && !(this.left.connection.finished && this.right.connection.finished); turn += 1) {
      this.#transmit()
      if (!this.happens('to right') && !this.happens('to left')) this.happens('time')
    }
  }

  #open(end: End): void {
    end.began = true
    end.connection.open()
  }

  #arrive(to: End, segment: Segment): void {
    const { connection } = to
    if (!to.began && (segment.flags & tcpFlag.syn) !== 0) {
      to.began = true
      connection.accept(segment, this.now)
    } else if (to.began && connection.state !== 'CLOSED') connection.receive(segment, this.now)
    else {
      const reset = resetFor(segment)
      if (reset) to.outbox.push({ ...reset, payload: new Uint8Array(0) })
    }
  }

  #transmit(): void {
    for (const end of [this.left, this.right]) {
      end.connection.read((chunk) => {
        end.received += chunk.length
        return true
      }, this.now)
      end.connection.transmit(this.now, (header, parts) => {
        end.outbox.push({ ...header, payload: Uint8Array.from(parts.flatMap((part) => [...part])) })
        return true
      })
    }
  }
}

function createEnd(localPort: number, remotePort: number): End {
  const options = { localPort, remotePort, initialSequence: toSeq(localPort), timestampOffset: 0, mss: 1460, offloadBytes: 0, pool: new BlockPool(), now: 0 }
  return { connection: new TcpConnection({ ...options, settings: tcpSettings({ giveUpAfter: Number.POSITIVE_INFINITY }) }), outbox: [], began: false, ended: false, received: 0 }
}

/** All orders of events that differ; each is played from the beginning. */
function* orders(both: boolean, depth: number, prefix: readonly Event[] = []): Generator<readonly Event[]> {
  if (prefix.length === depth) {
    yield prefix
    return
  }
  for (const event of events) {
    const pair = new Pair(both)
    if ([...prefix, event].every((each) => pair.happens(each))) yield* orders(both, depth, [...prefix, event])
  }
}

describe.each([
  ['one end opens', false, 6],
  ['both ends open at once', true, 5],
] as const)('when %s', (_, both, depth) => {
  it(`every order of ${depth} events leads both ends to their end, with all bytes and no reset`, { timeout: 120_000 }, () => {
    const states = new Set<string>()
    let count = 0
    for (const order of orders(both, depth)) {
      const pair = new Pair(both)
      for (const event of order) pair.happens(event)
      states.add(`${pair.left.connection.state} ${pair.right.connection.state}`)
      pair.settle()
      const { left, right } = pair
      const ends = [left.connection.finished, right.connection.finished, left.connection.failure, right.connection.failure, left.received, right.received]
      if (JSON.stringify(ends) !== JSON.stringify([true, true, undefined, undefined, 1, 1])) expect(ends, order.join(', ')).toEqual([true, true, undefined, undefined, 1, 1])
      count += 1
    }
    expect(count).toBeGreaterThan(2_000)
    expect(states.size).toBeGreaterThan(10)
  })
})
