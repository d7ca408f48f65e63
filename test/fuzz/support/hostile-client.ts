import type { Duplex } from 'node:stream'
import { ContentType, encodeFrame, encodeString, encodeUint32, FrameReader, HeaderId, uint32Header, type Frame } from '@tunnel/edge/wire'
import { anyBody, anyFrame, anyId, anyText, anyValue, chance, connIdEntry, damaged, flagsEntry, replyForEntry, split, vectorFrames, type Entry } from './frames.ts'
import { mutate } from './mutate.ts'
import { choose, pick, randomBytes, type Random } from './random.ts'
import type { Tally } from './tally.ts'

interface Question {
  readonly contentType: number
  readonly sequence: number
  readonly connId: number
  readonly newId: number | undefined
}

/** By chance, where it is absent. */
export interface Temper {
  /** Says much that is malformed. */
  readonly isCrude?: boolean
  /** Sends much. */
  readonly isBulky?: boolean
  /** Seldom reads. */
  readonly isLazy?: boolean
}

const remembered = 12
const serviceTokens = ['Dial:echo', 'Dial:echo', 'Dial:secret', 'Bind:echo', 'Bind:secret', 'Dial:target', 'Dial:gone', 'Bind:gone', '', 'nonsense']
const typeNames = new Map<number, string>(Object.entries(ContentType).map(([name, type]) => [type, name]))

/** An SDK that knows the protocol and means harm: it dials, hosts, answers dials about right, or says what it likes. */
export class HostileClient {
  readonly stream: Duplex
  readonly #random: Random
  readonly #name: string
  readonly #tally: Tally
  readonly #isCrude: boolean
  readonly #isBulky: boolean
  readonly #isLazy: boolean
  readonly #ids: number[] = []
  /** Ids that a circuit goes through, as far as it knows. */
  readonly #open: number[] = []
  readonly #questions: Question[] = []
  #sequence = 100
  #problem: unknown

  constructor(stream: Duplex, random: Random, name: string, tally: Tally, temper: Temper = {}) {
    this.stream = stream
    this.#random = random
    this.#name = name
    this.#tally = tally
    this.#isCrude = temper.isCrude ?? chance(random, 0.4)
    this.#isBulky = temper.isBulky ?? chance(random, 0.1)
    this.#isLazy = temper.isLazy ?? chance(random, 0.1)
    const reader = new FrameReader({ frame: (frame) => this.#hears(frame), refused: (reason) => (this.#problem ??= new Error(`the router sent what is no frame: ${reason}`)) })
    stream.on('error', () => {})
    stream.on('data', (chunk: Uint8Array) => reader.push(chunk))
  }

  /** Most begin as they should. */
  opens(): void {
    const random = this.#random
    const move = pick(random, 20)
    if (move === 0) return
    if (move === 1) return this.#write(mutate(this.#hello(`${this.#name}-token`), random))
    if (move === 2) return this.#write(this.#hello(choose(random, ['', 'nonsense', 'host-token', 'x'.repeat(3000), 'x'.repeat(20_000)])))
    if (move === 3) return this.#write(encodeFrame({ contentType: choose(random, Object.values(ContentType)), sequence: -1, headers: [], body: anyBody(random) }))
    this.#write(this.#hello(`${this.#name}-token`))
  }

  /** A bind without a fault, so that others find somebody to dial. */
  hosts(): void {
    for (const service of ['echo', 'secret']) {
      this.#sequence += 1
      const id = this.#newId()
      const headers: Entry[] = [connIdEntry(id), [HeaderId.RouterProvidedConnId, Uint8Array.of(pick(this.#random, 2))], [HeaderId.SupportsInspect, Uint8Array.of(1)], [HeaderId.SupportsBindSuccess, Uint8Array.of(1)], [HeaderId.PublicKey, randomBytes(this.#random, 32)]]
      this.#write(encodeFrame({ contentType: ContentType.Bind, sequence: this.#sequence, headers, body: encodeString(`Bind:${service}`) }))
    }
  }

  act(): void {
    const random = this.#random
    // It reads nothing for a while.
    if (chance(random, this.#isLazy ? (this.stream.isPaused() ? 0.01 : 0.2) : 0.03)) return void (this.stream.isPaused() ? this.stream.resume() : this.stream.pause())
    if (chance(random, 0.005)) return void (chance(random, 0.5) ? this.stream.end() : this.stream.destroy())
    this.#write(this.#says())
  }

  check(): void {
    if (this.#problem !== undefined) throw this.#problem
  }

  #hears({ contentType, sequence, headers }: Frame): void {
    const connId = uint32Header(headers, HeaderId.ConnId) ?? 0
    this.#tally.count(`hears ${typeNames.get(contentType)}`)
    if (contentType === ContentType.StateConnected) keep(this.#open, connId)
    if (contentType === ContentType.StateClosed && this.#open.includes(connId)) this.#open.splice(this.#open.indexOf(connId), 1)
    if (contentType !== ContentType.Dial && contentType !== ContentType.ConnInspectRequest && contentType !== ContentType.Latency) return
    const newId = uint32Header(headers, HeaderId.RouterProvidedConnId)
    if (newId !== undefined) keep(this.#ids, newId)
    keep(this.#questions, { contentType, sequence, connId, newId })
  }

  #says(): Uint8Array {
    const random = this.#random
    if (this.#questions.length > 0 && chance(random, 0.6)) return this.#answer()
    if (this.#isBulky && this.#open.length > 0 && chance(random, 0.7)) return this.#data()
    const move = pick(random, this.#isCrude ? 116 : 103)
    if (move < 25) return this.#connect()
    if (move < 32) return this.#bind()
    if (move < 80) return this.#data()
    if (move < 84) return this.#frame(ContentType.StateClosed, [connIdEntry(this.#id())], anyText(random))
    if (move < 88) return this.#frame(choose(random, [ContentType.Unbind, ContentType.UpdateBind, ContentType.HealthEvent]), [connIdEntry(this.#id()), [HeaderId.Cost, Uint8Array.of(1, 0)], [HeaderId.Precedence, Uint8Array.of(pick(random, 4))]], encodeString(choose(random, serviceTokens)))
    if (move < 89) return this.#frame(ContentType.UpdateToken, [], encodeString(choose(random, [`${this.#name}-token`, `${this.#name}-next`, `${this.#name}-next`, 'host-token', 'nonsense'])))
    if (move < 96) return this.#frame(choose(random, [ContentType.Latency, ContentType.TraceRoute, ContentType.InspectRequest, ContentType.PostureResponse, ContentType.ConnectV2]), [connIdEntry(this.#id()), [HeaderId.Uuid, anyValue(random)], [HeaderId.TraceHopCount, anyValue(random)]], anyBody(random))
    if (move < 109) return anyFrame(random, this.#ids)
    if (move < 111) return choose(random, vectorFrames)
    return chance(random, 0.1) ? randomBytes(random, 30) : mutate(chance(random, 0.5) ? choose(random, vectorFrames) : this.#data(), random)
  }

  #hello(token: string): Uint8Array {
    return encodeFrame({ contentType: ContentType.Hello, sequence: -1, headers: [[HeaderId.SessionToken, encodeString(token)]], body: encodeString('fuzz') })
  }

  #frame(contentType: number, headers: readonly Entry[], body: Uint8Array = new Uint8Array(0)): Uint8Array {
    this.#sequence += 1
    return encodeFrame({ contentType, sequence: this.#sequence, headers: damaged(this.#random, headers, 0.03), body })
  }

  #write(bytes: Uint8Array): void {
    if (this.stream.destroyed || this.stream.writableEnded) return
    // Whoever does not read us makes us wait, as a kernel would.
    if (this.stream.writableLength > 8 * 2 ** 20) return
    for (const part of split(this.#random, bytes)) this.stream.write(part)
  }

  #id(): number {
    return anyId(this.#random, this.#ids)
  }

  #newId(): number {
    const id = chance(this.#random, 0.9) ? 1 + pick(this.#random, 40) : this.#id()
    keep(this.#ids, id)
    return id
  }

  #connect(): Uint8Array {
    const random = this.#random
    const headers: Entry[] = [connIdEntry(this.#newId()), [HeaderId.CallerId, anyText(random)]]
    if (chance(random, 0.7)) headers.push([HeaderId.PublicKey, chance(random, 0.8) ? randomBytes(random, 32) : anyValue(random)])
    if (chance(random, 0.1)) headers.push([HeaderId.TerminatorIdentity, anyText(random)])
    if (chance(random, 0.3)) headers.push([HeaderId.AppData, anyText(random)], [HeaderId.ConnectionMarker, anyValue(random)])
    return this.#frame(ContentType.Connect, headers, encodeString(choose(random, chance(random, 0.85) ? serviceTokens.slice(0, 3) : serviceTokens)))
  }

  #bind(): Uint8Array {
    const random = this.#random
    const id = this.#newId()
    const headers: Entry[] = [connIdEntry(id), [HeaderId.ListenerId, encodeString(choose(random, ['one', 'two', '']))], [HeaderId.SupportsInspect, Uint8Array.of(pick(random, 2))], [HeaderId.SupportsBindSuccess, Uint8Array.of(pick(random, 2))]]
    if (chance(random, 0.7)) headers.push([HeaderId.RouterProvidedConnId, Uint8Array.of(1)])
    if (chance(random, 0.6)) headers.push([HeaderId.PublicKey, randomBytes(random, 32)])
    if (chance(random, 0.2)) headers.push([HeaderId.TerminatorIdentity, anyText(random)], [HeaderId.Cost, anyValue(random)], [HeaderId.Precedence, anyValue(random)])
    return this.#frame(ContentType.Bind, headers, encodeString(choose(random, chance(random, 0.8) ? ['Bind:echo', 'Bind:secret'] : serviceTokens)))
  }

  /** To a dial or an inspect of the router. */
  #answer(): Uint8Array {
    const random = this.#random
    const [question] = this.#questions.splice(pick(random, this.#questions.length), 1)
    if (question === undefined) return this.#data()
    const headers: Entry[] = [replyForEntry(chance(random, 0.95) ? question.sequence : pick(random, 12)), connIdEntry(question.connId)]
    if (question.contentType === ContentType.ConnInspectRequest) {
      return this.#frame(ContentType.ConnInspectResponse, [...headers, [HeaderId.ConnType, Uint8Array.of(chance(random, 0.8) ? 2 : pick(random, 5))]])
    }
    if (question.contentType === ContentType.Latency) return this.#frame(ContentType.Result, headers)
    if (chance(random, 0.15)) return this.#frame(ContentType.DialFailed, headers, anyText(random))
    if (chance(random, 0.3)) headers.push([HeaderId.PublicKey, randomBytes(random, 32)])
    const id = question.newId ?? this.#newId()
    keep(this.#open, id)
    return this.#frame(chance(random, 0.95) ? ContentType.DialSuccess : choose(random, Object.values(ContentType)), headers, chance(random, 0.95) ? encodeUint32(id) : anyValue(random))
  }

  #data(): Uint8Array {
    const random = this.#random
    const flags = chance(random, 0.75) ? 0 : choose(random, [1, 1, 1, 2, 4, 8, 16, 17, 1 << 20, 0xff_ff_ff_ff])
    const latest = this.#open.at(-1)
    const id = latest === undefined || chance(random, 0.3) ? this.#id() : this.#isBulky ? latest : choose(random, this.#open)
    const headers: Entry[] = [connIdEntry(id), ...(flags === 0 ? [] : [flagsEntry(flags)])]
    if (chance(random, 0.05)) headers.push([HeaderId.Uuid, anyValue(random)])
    return this.#frame(ContentType.Data, headers, this.#isBulky && chance(random, 0.5) ? new Uint8Array(150_000) : anyBody(random))
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item)
  if (list.length > remembered) list.shift()
}
