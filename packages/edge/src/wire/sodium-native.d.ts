/** The part of sodium-native that we use; the package brings no types. Each call throws on failure. */
declare module 'sodium-native' {
  interface SodiumNative {
    readonly crypto_kx_PUBLICKEYBYTES: number
    readonly crypto_kx_SECRETKEYBYTES: number
    readonly crypto_kx_SESSIONKEYBYTES: number
    readonly crypto_secretstream_xchacha20poly1305_STATEBYTES: number
    crypto_kx_keypair(publicKey: Uint8Array, secretKey: Uint8Array): void
    crypto_kx_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
    crypto_kx_client_session_keys(rx: Uint8Array, tx: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array, peer: Uint8Array): void
    crypto_kx_server_session_keys(rx: Uint8Array, tx: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array, peer: Uint8Array): void
    crypto_secretstream_xchacha20poly1305_init_push(state: Uint8Array, header: Uint8Array, key: Uint8Array): void
    crypto_secretstream_xchacha20poly1305_init_pull(state: Uint8Array, header: Uint8Array, key: Uint8Array): void
    crypto_secretstream_xchacha20poly1305_push(state: Uint8Array, cipher: Uint8Array, plain: Uint8Array, additional: Uint8Array, tag: number): number
    crypto_secretstream_xchacha20poly1305_pull(state: Uint8Array, plain: Uint8Array, tag: Uint8Array, cipher: Uint8Array, additional: Uint8Array): number
  }
  const sodium: SodiumNative
  export default sodium
}
