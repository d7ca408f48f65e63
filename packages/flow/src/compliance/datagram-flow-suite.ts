import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError } from '../coded-error.ts'
import { maxDatagramBytes } from '../datagram.ts'
import { copyBytes } from '../hold.ts'
import type { DatagramFlow } from '../flow.ts'
import { firstDifference, pattern } from './random.ts'
import { turns, until } from './until.ts'

export interface DatagramFlowEnds {
  readonly left: DatagramFlow
  readonly right: DatagramFlow
  close(): Promise<void>
}

/** One end with a user who writes down what breaks a rule. */
class WatchedDatagramFlow {
  readonly flow: DatagramFlow
  readonly received: Uint8Array[] = []
  readonly closes: (CodedError | undefined)[] = []
  readonly violations: string[] = []
  #inCall = false

  constructor(flow: DatagramFlow) {
    this.flow = flow
  }

  attach(message: (datagram: Uint8Array) => void = () => {}): this {
    this.#call(() =>
      this.flow.attach({
        message: (datagram) => {
          this.#check('message')
          this.received.push(copyBytes(datagram))
          message(datagram)
        },
        close: (error) => {
          this.#check('close')
          this.closes.push(error)
        },
      }),
    )
    return this
  }

  /** The bytes are overwritten afterwards: a flow that keeps them sends rubbish. */
  send(datagram: Uint8Array): boolean {
    const borrowed = Buffer.from(datagram)
    const sent = this.#call(() => this.flow.send(borrowed))
    borrowed.fill(0xee)
    return sent
  }

  close(error?: CodedError): void {
    this.#call(() => this.flow.close(error))
  }

  #check(name: string): void {
    if (this.#inCall) this.violations.push(`${name} was called inside a call of the user`)
    if (this.closes.length > 0) this.violations.push(`${name} was called after close`)
  }

  #call<T>(call: () => T): T {
    const nested = this.#inCall
    this.#inCall = true
    try {
      return call()
    } finally {
      this.#inCall = nested
    }
  }
}

/** Registers tests for every rule of `DatagramFlow`, on a path that loses nothing by itself. */
export function datagramFlowCompliance(name: string, create: () => Promise<DatagramFlowEnds>): void {
  describe(`${name} is a DatagramFlow`, () => {
    let ends: DatagramFlowEnds
    let left: WatchedDatagramFlow
    let right: WatchedDatagramFlow

    beforeEach(async () => {
      ends = await create()
      left = new WatchedDatagramFlow(ends.left)
      right = new WatchedDatagramFlow(ends.right)
    })

    afterEach(async () => {
      await ends.close()
      expect([...left.violations, ...right.violations]).toEqual([])
    })

    it('keeps the bounds of datagrams, both ways', async () => {
      left.attach()
      right.attach()
      for (const [index, size] of [1, 3, 1_400, 1, 9_000].entries()) {
        expect(left.send(pattern(index, size))).toBe(true)
        expect(right.send(pattern(index, size))).toBe(true)
      }
      await until(() => left.received.length === 5 && right.received.length === 5, 'five datagrams each way')
      for (const { received } of [left, right]) {
        expect(received.map(({ length }) => length)).toEqual([1, 3, 1_400, 1, 9_000])
        expect(received.map((datagram, index) => firstDifference(datagram, index))).toEqual([-1, -1, -1, -1, -1])
      }
    })

    it('carries empty datagrams and the longest', async () => {
      left.attach()
      right.attach()
      expect(left.send(new Uint8Array(0))).toBe(true)
      await until(() => right.received.length === 1, 'the empty datagram')
      expect(left.send(pattern(0, maxDatagramBytes))).toBe(true)
      await until(() => right.received.length === 2, 'the longest datagram')
      expect(right.received.map(({ length }) => length)).toEqual([0, maxDatagramBytes])
      expect(left.flow.dropped).toBe(0)
    })

    it('drops and counts what is too long', async () => {
      left.attach()
      right.attach()
      expect(left.send(new Uint8Array(maxDatagramBytes + 1))).toBe(false)
      expect(left.flow.dropped).toBe(1)
      left.send(pattern(0, 2))
      await until(() => right.received.length === 1, 'the next datagram')
      expect(right.received[0]?.length).toBe(2)
    })

    it('keeps the first datagrams until attach', async () => {
      left.attach()
      left.send(pattern(0, 10))
      left.send(pattern(0, 11))
      await turns(5)
      right.attach()
      await until(() => right.received.length === 2, 'both datagrams')
      expect(right.received.map(({ length }) => length)).toEqual([10, 11])
    })

    it('lets message send', async () => {
      left.attach()
      right.attach((datagram) => right.send(datagram))
      left.send(pattern(0, 100))
      await until(() => left.received.length === 1, 'the echo')
      expect(firstDifference(left.received[0]!, 0)).toBe(-1)
    })

    it('throws when it is attached twice', () => {
      left.attach()
      expect(() => left.attach()).toThrow(expect.objectContaining({ code: 'flow.attached' }))
    })

    it('closes once, last, with the given error, and drops what is sent later', async () => {
      left.attach()
      right.attach()
      const error = new CodedError('test.close', 'the test closes it')
      left.close(error)
      left.close()
      await until(() => left.closes.length === 1, 'close')
      expect(left.closes).toEqual([error])
      expect(left.send(pattern(0, 1))).toBe(false)
      expect(left.flow.dropped).toBe(1)
      await turns(3)
    })

    it('closes without an error when none is given, also before attach', async () => {
      left.close()
      await turns(3)
      left.attach()
      await until(() => left.closes.length === 1, 'close')
      expect(left.closes).toEqual([undefined])
    })
  })
}
