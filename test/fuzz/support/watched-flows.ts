import { CodedError, type DatagramFlow, type Flow } from '@tunnel/flow'
import { chance } from './frames.ts'
import { choose, pick, type Random } from './random.ts'
import type { Tally } from './tally.ts'

/** Largest chunk that the application sends. */
export const largestChunkBytes = 200_000
const chunkSizes = [0, 1, 10, 1000, 65_536, 65_537]
/** The part of the flows that send enough to meet back-pressure. */
const bulkPart = 0.2

/** A flow in careless hands, which know the contract well. What breaks it is told to `problem`. */
export interface Watched {
  /** One random thing that an application may do. */
  act(): void
  /** Lets everything go that would keep the end from being told. */
  letGo(): void
  /** Throws when the contract is broken now. */
  check(everythingWritten: boolean): void
  readonly closes: number
  readonly isAttached: boolean
}

export class WatchedFlow implements Watched {
  readonly #flow: Flow
  readonly #random: Random
  readonly #tally: Tally
  readonly #held: { chunk: Uint8Array; copy: Uint8Array; release: () => void }[] = []
  /** Until then it may be unconfirmed, and wait for that. */
  readonly #isOpen: () => boolean
  readonly #isBulk: boolean
  #problem: string | undefined
  #calling = 0
  #waiting = false
  #paused = false
  #ended = false
  closes = 0
  isAttached = false

  constructor(flow: Flow, random: Random, tally: Tally, isOpen: () => boolean) {
    this.#flow = flow
    this.#random = random
    this.#tally = tally
    this.#isBulk = chance(random, bulkPart)
    this.#isOpen = isOpen
  }

  act(): void {
    const random = this.#random
    if (!this.isAttached && chance(random, 0.7)) return this.#attach()
    if (this.#isBulk && !this.#waiting) for (let count = pick(random, 10); count > 0 && !this.#waiting; count -= 1) this.#send()
    const flow = this.#flow
    switch (pick(random, 12)) {
      case 0: return this.#pause()
      case 1: case 2: return this.#resume()
      case 3: return this.#call(() => {
        this.#ended = true
        flow.end()
      })
      case 4: return chance(random, 0.4) ? this.#call(() => flow.reset(new CodedError('test.reset', 'enough'))) : undefined
      case 5: return this.#release()
      default: return this.#send()
    }
  }

  letGo(): void {
    if (!this.isAttached) this.#attach()
    while (this.#held.length > 0) this.#release()
    this.#resume()
  }

  check(everythingWritten: boolean): void {
    const { queuedBytes } = this.#flow
    if (queuedBytes > 2 ** 20 + 2 * largestChunkBytes) this.#fails(`${queuedBytes} bytes queued`)
    if (this.closes > 0 && queuedBytes !== 0) this.#fails('bytes queued after close')
    // A close that waits behind data for a paused reader is as good.
    const mustDrain = everythingWritten && this.#waiting && this.isAttached && !this.#paused && !this.#ended && this.#isOpen()
    if (mustDrain && this.closes === 0) this.#fails('waits for a drain that never comes')
    if (this.#problem !== undefined) throw new Error(`flow ${this.#flow.info.service}: ${this.#problem}`)
  }

  #fails(problem: string): void {
    this.#problem ??= problem
  }

  #call(call: () => void): void {
    this.#calling += 1
    call()
    this.#calling -= 1
  }

  #pause(): void {
    this.#paused = true
    this.#call(() => this.#flow.pause())
  }

  #resume(): void {
    this.#paused = false
    this.#call(() => this.#flow.resume())
  }

  #attach(): void {
    this.isAttached = true
    let peerEnded = false
    const heard = (what: string): void => {
      this.#tally.count(`flow ${what}`)
      if (this.closes > 0) this.#fails(`${what} after close`)
      if (this.#calling > 0) this.#fails(`${what} inside a call of its own`)
    }
    this.#call(() => this.#flow.attach({
      data: (chunk, hold) => {
        heard('data')
        if (peerEnded) this.#fails('data after end')
        if (chunk.length === 0) this.#fails('an empty chunk')
        this.#received(chunk, hold)
      },
      end: () => {
        heard('end')
        if (peerEnded) this.#fails('a second end')
        peerEnded = true
        if (chance(this.#random, 0.3)) this.act()
      },
      drain: () => {
        heard('drain')
        if (!this.#waiting) this.#fails('drain that nobody waits for')
        this.#waiting = false
        if (chance(this.#random, 0.5)) this.#send()
      },
      close: (error) => {
        heard('close')
        this.#tally.count(`flow closed: ${error?.code ?? 'in order'}`)
        this.closes += 1
      },
    }))
  }

  #received(chunk: Uint8Array, hold: () => () => void): void {
    const random = this.#random
    if (chance(random, 0.1)) this.#held.push({ chunk, copy: chunk.slice(), release: hold() })
    if (chance(random, 0.2)) this.act()
  }

  /** A chunk that is held stays as it came. */
  #release(): void {
    const [held] = this.#held.splice(pick(this.#random, this.#held.length), 1)
    if (held === undefined) return
    if (Buffer.compare(held.chunk, held.copy) !== 0) this.#fails('a held chunk changed')
    held.release()
  }

  #send(): void {
    const random = this.#random
    // Seldom somebody ignores back-pressure: the second chunk resets.
    if (this.#waiting && !chance(random, 0.05)) return
    if (this.#waiting) this.#call(() => void this.#flow.send(new Uint8Array(1)))
    const chunk = new Uint8Array(chance(random, this.#isBulk ? 0.7 : 0.02) ? largestChunkBytes : choose(random, chunkSizes))
    let releases = 0
    this.#call(() => {
      const goOn = chance(random, 0.3) ? this.#flow.send(chunk, () => (releases += 1)) : this.#flow.send(chunk)
      if (!goOn) this.#waiting = true
    })
    if (releases > 1) this.#fails('a chunk released twice')
  }
}

export class WatchedDatagrams implements Watched {
  readonly #flow: DatagramFlow
  readonly #random: Random
  readonly #tally: Tally
  #problem: string | undefined
  #calling = 0
  closes = 0
  isAttached = false

  constructor(flow: DatagramFlow, random: Random, tally: Tally) {
    this.#flow = flow
    this.#random = random
    this.#tally = tally
  }

  act(): void {
    const random = this.#random
    if (!this.isAttached && chance(random, 0.7)) return this.letGo()
    if (chance(random, 0.1)) return this.#call(() => this.#flow.close(chance(random, 0.5) ? new CodedError('test.reset', 'enough') : undefined))
    this.#call(() => void this.#flow.send(new Uint8Array(choose(random, [0, 1, 500, 1400, 17_000, 65_507, 65_508]))))
  }

  letGo(): void {
    if (this.isAttached) return
    this.isAttached = true
    const heard = (what: string): void => {
      this.#tally.count(`datagram ${what}`)
      if (this.closes > 0) this.#problem ??= `${what} after close`
    }
    this.#call(() => this.#flow.attach({
      message: () => {
        heard('message')
        if (chance(this.#random, 0.2)) this.act()
      },
      close: () => {
        heard('close')
        if (this.#calling > 0) this.#problem ??= 'close inside a call of its own'
        this.closes += 1
      },
    }))
  }

  check(): void {
    if (this.#problem !== undefined) throw new Error(`datagrams ${this.#flow.info.service}: ${this.#problem}`)
  }

  #call(call: () => void): void {
    this.#calling += 1
    call()
    this.#calling -= 1
  }
}
