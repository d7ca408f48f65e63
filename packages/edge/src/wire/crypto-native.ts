import sodium from 'sodium-native'
import { cipherOverheadBytes, publicKeyBytes, streamHeaderBytes, type Crypto, type CryptoRole, type Decryptor, type Encryptor, type KeyPair, type SessionKeys } from './crypto.ts'

const tagMessage = 0
const none = Buffer.alloc(0)
// The library keeps no state in JavaScript objects of its own: the garbage collector frees all of it.
const nothingToFree = (): void => {}

const newState = (): Buffer => Buffer.alloc(sodium.crypto_secretstream_xchacha20poly1305_STATEBYTES)

function keyPair(seed?: Uint8Array): KeyPair {
  const publicKey = Buffer.alloc(sodium.crypto_kx_PUBLICKEYBYTES)
  const secretKey = Buffer.alloc(sodium.crypto_kx_SECRETKEYBYTES)
  if (seed) sodium.crypto_kx_seed_keypair(publicKey, secretKey, seed)
  else sodium.crypto_kx_keypair(publicKey, secretKey)
  return { publicKey, secretKey }
}

function sessionKeys(role: CryptoRole, own: KeyPair, peerPublicKey: Uint8Array): SessionKeys | undefined {
  if (peerPublicKey.length !== publicKeyBytes) return undefined
  const receive = Buffer.alloc(sodium.crypto_kx_SESSIONKEYBYTES)
  const transmit = Buffer.alloc(sodium.crypto_kx_SESSIONKEYBYTES)
  const derive = role === 'dialer' ? sodium.crypto_kx_client_session_keys : sodium.crypto_kx_server_session_keys
  try {
    derive(receive, transmit, own.publicKey, own.secretKey, peerPublicKey)
  } catch {
    return undefined // a key of small order
  }
  return { receive, transmit }
}

function encryptor(key: Uint8Array, header?: Uint8Array): Encryptor {
  const state = newState()
  const used = header ?? Buffer.alloc(streamHeaderBytes)
  // libsodium derives the same state from a header in both directions; only `init_push` makes up the header.
  if (header) sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
  else sodium.crypto_secretstream_xchacha20poly1305_init_push(state, used, key)
  return {
    header: used,
    push(plain, out) {
      const target = out.subarray(0, plain.length + cipherOverheadBytes)
      const written = sodium.crypto_secretstream_xchacha20poly1305_push(state, target, plain, none, tagMessage)
      // The binding answers an argument that it does not like with silence; zeros must never go out as ciphertext.
      if (written !== target.length) throw new Error('libsodium did not encrypt')
    },
    free: nothingToFree,
  }
}

function decryptor(key: Uint8Array, header: Uint8Array): Decryptor | undefined {
  if (header.length !== streamHeaderBytes) return undefined
  const state = newState()
  const tag = Buffer.alloc(1)
  sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
  return {
    pull(cipher, out) {
      if (cipher.length < cipherOverheadBytes) return false
      try {
        const plain = out.subarray(0, cipher.length - cipherOverheadBytes)
        return sodium.crypto_secretstream_xchacha20poly1305_pull(state, plain, tag, cipher, none) === plain.length
      } catch {
        return false
      }
    },
    free: nothingToFree,
  }
}

export function createNativeCrypto(): Crypto {
  return { implementation: 'native', keyPair, sessionKeys, encryptor, decryptor }
}
