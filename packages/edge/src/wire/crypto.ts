/**
 * End-to-end encryption of circuits (protocol section 4.6): X25519 key exchange as libsodium's `crypto_kx`, then one
 * `secretstream_xchacha20poly1305` for each direction. Tag 0 always, no additional data.
 */
export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** One key for each direction, 32 bytes. */
export interface SessionKeys {
  readonly receive: Uint8Array
  readonly transmit: Uint8Array
}

/** The dialer is the `kx` client, the host its server. */
export type CryptoRole = 'dialer' | 'host'

export interface Encryptor {
  /** 24 bytes: sent once, in the clear, as the body of the first data message. */
  readonly header: Uint8Array
  /** Writes `plain.length + cipherOverheadBytes` bytes to the beginning of `out`. One call, one message. */
  push(plain: Uint8Array, out: Uint8Array): void
  /** Call once when the circuit is gone; wasm keeps the state outside the garbage collector's sight. */
  free(): void
}

export interface Decryptor {
  /** Writes the plaintext to the beginning of `out`. False: forged, damaged or out of order; the circuit must die. */
  pull(cipher: Uint8Array, out: Uint8Array): boolean
  free(): void
}

export interface Crypto {
  readonly implementation: 'native' | 'wasm'
  /** Fresh from random bytes, or from a 32 byte seed. */
  keyPair(seed?: Uint8Array): KeyPair
  /** `undefined` when `peerPublicKey` is no acceptable key (wrong length, small order). */
  sessionKeys(role: CryptoRole, own: KeyPair, peerPublicKey: Uint8Array): SessionKeys | undefined
  /** `header` fixes the stream header: for tests with vectors only. */
  encryptor(key: Uint8Array, header?: Uint8Array): Encryptor
  /** `undefined` when `header` is not 24 bytes. */
  decryptor(key: Uint8Array, header: Uint8Array): Decryptor | undefined
}

export const streamHeaderBytes = 24
export const cipherOverheadBytes = 17
export const publicKeyBytes = 32

/**
 * sodium-native where it has a prebuilt, else libsodium's wasm build (musl, for one). Several calls share one instance
 * per implementation.
 */
export async function loadCrypto(wanted?: Crypto['implementation']): Promise<Crypto> {
  if (wanted !== 'wasm') {
    try {
      const { createNativeCrypto } = await import('./crypto-native.ts')
      return createNativeCrypto()
    } catch (error) {
      if (wanted === 'native') throw error
    }
  }
  const { createWasmCrypto } = await import('./crypto-wasm.ts')
  return createWasmCrypto()
}
