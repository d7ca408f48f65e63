import wrappers, { type StateAddress } from 'libsodium-wrappers'
import { cipherOverheadBytes, publicKeyBytes, streamHeaderBytes, type Crypto, type CryptoRole, type Decryptor, type Encryptor, type KeyPair, type SessionKeys } from './crypto.ts'

const tagMessage = 0
// There at run time, missing in its types: the bare module that the wrappers stand on.
const sodium = wrappers as typeof wrappers & { readonly libsodium: { _free(address: StateAddress): void } }

function keyPair(seed?: Uint8Array): KeyPair {
  const { publicKey, privateKey } = seed ? sodium.crypto_kx_seed_keypair(seed) : sodium.crypto_kx_keypair()
  return { publicKey, secretKey: privateKey }
}

function sessionKeys(role: CryptoRole, own: KeyPair, peerPublicKey: Uint8Array): SessionKeys | undefined {
  if (peerPublicKey.length !== publicKeyBytes) return undefined
  const derive = role === 'dialer' ? sodium.crypto_kx_client_session_keys : sodium.crypto_kx_server_session_keys
  try {
    const { sharedRx, sharedTx } = derive(own.publicKey, own.secretKey, peerPublicKey)
    return { receive: sharedRx, transmit: sharedTx }
  } catch {
    return undefined // a key of small order
  }
}

/** The wrappers leave a stream's state in wasm memory for good: it must be given back by hand. */
function freeOnce(state: StateAddress): () => void {
  let live = true
  return () => {
    if (!live) return
    live = false
    sodium.libsodium._free(state)
  }
}

function encryptor(key: Uint8Array, header?: Uint8Array): Encryptor {
  const made = header
    ? { state: sodium.crypto_secretstream_xchacha20poly1305_init_pull(header, key), header }
    : sodium.crypto_secretstream_xchacha20poly1305_init_push(key)
  return {
    header: made.header,
    push: (plain, out) => out.set(sodium.crypto_secretstream_xchacha20poly1305_push(made.state, plain, null, tagMessage)),
    free: freeOnce(made.state),
  }
}

function decryptor(key: Uint8Array, header: Uint8Array): Decryptor | undefined {
  if (header.length !== streamHeaderBytes) return undefined
  const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(header, key)
  return {
    pull(cipher, out) {
      if (cipher.length < cipherOverheadBytes) return false
      const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(state, cipher, null)
      if (!opened) return false
      out.set(opened.message)
      return true
    },
    free: freeOnce(state),
  }
}

export async function createWasmCrypto(): Promise<Crypto> {
  await sodium.ready
  return { implementation: 'wasm', keyPair, sessionKeys, encryptor, decryptor }
}
