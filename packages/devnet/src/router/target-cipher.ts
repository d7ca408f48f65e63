import {
  cipherOverheadBytes,
  streamHeaderBytes,
  type Crypto,
  type Decryptor,
  type Encryptor,
  type SessionKeys,
} from '@tunnel/edge/wire'

/** End-to-end encryption as the host of a circuit (protocol section 4.6): the router-hosted tunneler is one. */
export class TargetCipher {
  readonly publicKey: Uint8Array
  readonly #crypto: Crypto
  readonly #keys: SessionKeys
  readonly #encryptor: Encryptor
  #decryptor: Decryptor | undefined

  private constructor(crypto: Crypto, publicKey: Uint8Array, keys: SessionKeys) {
    this.#crypto = crypto
    this.publicKey = publicKey
    this.#keys = keys
    this.#encryptor = crypto.encryptor(keys.transmit)
  }

  /** `undefined` when the dialer's key is none. */
  static create(crypto: Crypto, dialerKey: Uint8Array): TargetCipher | undefined {
    const own = crypto.keyPair()
    const keys = crypto.sessionKeys('host', own, dialerKey)
    return keys && new TargetCipher(crypto, own.publicKey, keys)
  }

  /** The first message that the host sends, in the clear. */
  get header(): Uint8Array {
    return this.#encryptor.header
  }

  encrypt(plain: Uint8Array): Uint8Array {
    const cipher = Buffer.allocUnsafe(plain.length + cipherOverheadBytes)
    this.#encryptor.push(plain, cipher)
    return cipher
  }

  /** `header`: the dialer's stream header, its first message. `undefined`: the circuit must die. */
  decrypt(body: Uint8Array): Uint8Array | 'header' | undefined {
    if (this.#decryptor === undefined) {
      if (body.length !== streamHeaderBytes) return undefined
      this.#decryptor = this.#crypto.decryptor(this.#keys.receive, body.slice())
      return this.#decryptor && 'header'
    }
    if (body.length < cipherOverheadBytes) return undefined
    const plain = Buffer.allocUnsafe(body.length - cipherOverheadBytes)
    return this.#decryptor.pull(body, plain) ? plain : undefined
  }

  free(): void {
    this.#encryptor.free()
    this.#decryptor?.free()
  }
}
