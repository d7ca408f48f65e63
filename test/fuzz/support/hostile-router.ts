import {
  cipherOverheadBytes, ContentType, encodeFrame, encodeString, encodeUint32, HeaderId, uint32Header,
  type Crypto, type Encryptor, type Frame, type KeyPair,
} from '@tunnel/edge/wire'
import { anyBody, anyFrame, anyId, anyText, anyValue, chance, connIdEntry, damaged, flagsEntry, replyForEntry, vectorFrames, type Entry } from './frames.ts'
import { mutate } from './mutate.ts'
import { choose, pick, randomBytes, type Random } from './random.ts'

export const bindToken = 'bind-token'

interface Request {
  readonly contentType: number
  readonly sequence: number
  readonly connId: number
  readonly publicKey: Uint8Array | undefined
}

/** The far end of an encrypted circuit, so that some of what comes can be read. */
interface Stream {
  readonly encryptor: Encryptor
  headerSent: boolean
}

const remembered = 12
const answers: Readonly<Record<number, readonly number[]>> = {
  [ContentType.Hello]: [ContentType.Result],
  [ContentType.Connect]: [ContentType.StateConnected, ContentType.StateConnected, ContentType.StateConnected, ContentType.StateConnected, ContentType.StateClosed],
  [ContentType.Bind]: [ContentType.StateConnected, ContentType.StateConnected, ContentType.StateConnected, ContentType.StateClosed],
  [ContentType.DialSuccess]: [ContentType.StateConnected, ContentType.StateConnected, ContentType.StateClosed],
  [ContentType.UpdateToken]: [ContentType.UpdateTokenSuccess, ContentType.UpdateTokenFailure],
  [ContentType.Latency]: [ContentType.Result],
}
const multipartBodies = [Uint8Array.of(1, 0, 0x61, 2, 0, 0x62, 0x63), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(9, 0, 1), Uint8Array.of(1), new Uint8Array(0)]

/** A router that knows the protocol and means harm: it answers what it was asked, about right, or says what it likes. */
export class HostileRouter {
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #keyPair: KeyPair
  /** Else it says little that is malformed: such a channel lives longer. */
  readonly #isCrude: boolean
  /** It fills the queues of those who do not read. */
  readonly #isBulky: boolean
  readonly #requests: Request[] = []
  readonly #answered: Request[] = []
  readonly #ids: number[] = []
  readonly #binds: Request[] = []
  readonly #streams = new Map<number, Stream>()
  #sequence = 5000

  constructor(random: Random, crypto: Crypto) {
    this.#random = random
    this.#crypto = crypto
    this.#keyPair = crypto.keyPair()
    this.#isCrude = chance(random, 0.4)
    this.#isBulky = chance(random, 0.1)
  }

  get ids(): readonly number[] {
    return this.#ids
  }

  hears({ contentType, sequence, headers }: Frame): void {
    const connId = uint32Header(headers, HeaderId.ConnId) ?? 0
    if (connId !== 0 && !this.#ids.includes(connId)) keep(this.#ids, connId)
    const request = { contentType, sequence, connId, publicKey: headers.get(HeaderId.PublicKey)?.slice() }
    if (contentType === ContentType.Bind) keep(this.#binds, request)
    if (contentType in answers) keep(this.#requests, request)
  }

  /** The bytes of its next move. */
  says(): Uint8Array {
    const random = this.#random
    const move = pick(random, this.#isCrude ? 120 : 103)
    if (move < 32) return this.#answer()
    if (move < 75) return this.#data()
    if (move < 85) return this.#dial()
    if (move < 88) return this.#frame(ContentType.StateClosed, [connIdEntry(this.#id())], anyText(random))
    if (move < 93) return this.#question()
    if (move < 97) return this.#frame(ContentType.BindSuccess, [connIdEntry(this.#id())])
    if (move < 110) return anyFrame(random, this.#ids)
    if (move < 113) return choose(random, vectorFrames)
    return chance(random, 0.1) ? randomBytes(random, 30) : this.#mutated()
  }

  /** What an honest one would answer to the hello. */
  welcome(supportsBindSuccess: boolean): Uint8Array {
    const hello = this.#requests.shift()
    return this.#frame(ContentType.Result, [
      replyForEntry(hello?.sequence ?? 0),
      [HeaderId.ResultSuccess, Uint8Array.of(1)],
      [HeaderId.Id, encodeString('router1')],
      [HeaderId.HelloVersion, encodeString('v2.0.3|0123|2026|linux|amd64')],
      [HeaderId.SupportsBindSuccess, Uint8Array.of(supportsBindSuccess ? 1 : 0)],
    ])
  }

  #frame(contentType: number, headers: readonly Entry[], body: Uint8Array = new Uint8Array(0)): Uint8Array {
    this.#sequence += 1
    return encodeFrame({ contentType, sequence: this.#sequence, headers: damaged(this.#random, headers, 0.015), body })
  }

  #question(): Uint8Array {
    const contentType = choose(this.#random, [ContentType.Latency, ContentType.InspectRequest, ContentType.TraceRoute, ContentType.ConnInspectRequest])
    return this.#frame(contentType, [connIdEntry(this.#id()), [HeaderId.Uuid, anyValue(this.#random)], [HeaderId.TraceHopCount, anyValue(this.#random)]])
  }

  #id(): number {
    return anyId(this.#random, this.#ids)
  }

  #mutated(): Uint8Array {
    return mutate(chance(this.#random, 0.5) ? choose(this.#random, vectorFrames) : this.#data(), this.#random)
  }

  #answer(): Uint8Array {
    const random = this.#random
    const request = this.#requests.length > 0 && chance(random, 0.95) ? this.#requests.splice(pick(random, this.#requests.length), 1)[0] : choose(random, this.#answered)
    if (request === undefined) return this.#data()
    keep(this.#answered, request)
    const contentType = chance(random, 0.95) ? choose(random, answers[request.contentType] ?? [ContentType.Result]) : choose(random, Object.values(ContentType))
    const headers: Entry[] = [replyForEntry(chance(random, 0.95) ? request.sequence : pick(random, 12)), connIdEntry(chance(random, 0.95) ? request.connId : this.#id())]
    if (request.contentType === ContentType.Hello) headers.push([HeaderId.ResultSuccess, Uint8Array.of(chance(random, 0.8) ? 1 : 0)])
    if (request.contentType === ContentType.Connect && request.publicKey && chance(random, 0.9)) headers.push(this.#key(request.connId, 'host', request.publicKey))
    if (chance(random, 0.3)) headers.push([HeaderId.ErrorCode, encodeUint32(pick(random, 18))], [HeaderId.StructuredError, anyText(random)], [HeaderId.CircuitId, anyText(random)])
    return this.#frame(contentType, headers, contentType === ContentType.StateClosed ? anyText(random) : new Uint8Array(0))
  }

  /** Our public key, or one that is none; with a right one data can be enciphered. */
  #key(connId: number, role: 'dialer' | 'host', peer: Uint8Array): Entry {
    const random = this.#random
    if (chance(random, 0.15)) return [HeaderId.PublicKey, choose(random, [new Uint8Array(32), new Uint8Array(31), new Uint8Array(0), randomBytes(random, 32)])]
    const keys = this.#crypto.sessionKeys(role, this.#keyPair, peer)
    if (keys) this.#streams.set(connId, { encryptor: this.#crypto.encryptor(keys.transmit), headerSent: false })
    return [HeaderId.PublicKey, this.#keyPair.publicKey]
  }

  #dial(): Uint8Array {
    const random = this.#random
    const bind = this.#binds.length === 0 ? undefined : choose(random, this.#binds)
    const connId = chance(random, 0.9) ? 0x80_00_00_00 + pick(random, 1000) : this.#id()
    const headers: Entry[] = [connIdEntry(bind && chance(random, 0.95) ? bind.connId : this.#id()), [HeaderId.CircuitId, anyText(random)], [HeaderId.CallerId, anyText(random)], [HeaderId.AppData, anyText(random)]]
    if (chance(random, 0.8)) {
      headers.push([HeaderId.RouterProvidedConnId, encodeUint32(connId)])
      keep(this.#ids, connId)
    }
    if (bind?.publicKey && chance(random, 0.95)) headers.push(this.#key(connId, 'dialer', bind.publicKey))
    return this.#frame(ContentType.Dial, damaged(random, headers, 0.05), chance(random, 0.95) ? encodeString(bindToken) : anyText(random))
  }

  #data(): Uint8Array {
    const random = this.#random
    const id = this.#streams.size > 0 && chance(random, 0.5) ? choose(random, [...this.#streams.keys()].slice(-4)) : this.#id()
    const stream = this.#streams.get(id)
    const body = this.#isBulky && chance(random, 0.3) ? new Uint8Array(choose(random, [300_000, 1_200_000])) : chance(random, 0.04) ? choose(random, multipartBodies) : anyBody(random)
    const flags = chance(random, 0.75) ? 0 : choose(random, [1, 1, 1, 1, 4, 8, 16, 17, 21, 2, 4 | (1 << 20), 0xff_ff_ff_ff])
    const headers = [connIdEntry(id), ...(flags === 0 ? [] : [flagsEntry(flags)])]
    return this.#frame(ContentType.Data, headers, stream && chance(random, 0.97) ? enciphered(random, stream, body) : body)
  }
}

function enciphered(random: Random, stream: Stream, plain: Uint8Array): Uint8Array {
  const header = stream.headerSent ? new Uint8Array(0) : stream.encryptor.header
  const isAlone = !stream.headerSent && chance(random, 0.5)
  stream.headerSent = true
  if (isAlone) return header
  const body = new Uint8Array(header.length + plain.length + cipherOverheadBytes)
  body.set(header)
  stream.encryptor.push(plain, body.subarray(header.length))
  return body
}

function keep<T>(list: T[], item: T): void {
  list.push(item)
  if (list.length > remembered) list.shift()
}
