import type { Endpoint } from '@tunnel/flow'
import { AF_INET } from '../ffi/constants.ts'
import { encodeSocketAddress, parseSocketAddress, socketAddressMaxBytes } from './socket-address.ts'

interface Encoded {
  readonly address: string
  readonly port: number
  readonly bytes: Uint8Array
}

/** So many endpoints are remembered; then it starts anew, so that spoofed sources cost time and no memory. */
const capacity = 8192

/**
 * Endpoints by their socket address and back. Text forms are made once for each peer and not once for each datagram, and the same peer
 * is the same object while it is remembered.
 */
export class EndpointCache {
  readonly #ipv4 = new Map<number, Endpoint>()
  readonly #others = new Map<string, Endpoint>()
  #encoded = new WeakMap<Endpoint, Encoded>()

  /** Reads the socket address at `offset`. */
  read(bytes: Buffer, offset: number): Endpoint | undefined {
    if (bytes.readUInt16LE(offset) !== AF_INET) return this.#readOther(bytes, offset)
    const key = bytes.readUInt32BE(offset + 4) * 0x10000 + bytes.readUInt16BE(offset + 2)
    const known = this.#ipv4.get(key)
    if (known) return known
    return this.#remember(this.#ipv4, key, bytes.subarray(offset, offset + socketAddressMaxBytes))
  }

  /** The endpoint as a socket address; `undefined` for what is none. */
  encode(endpoint: Endpoint): Uint8Array | undefined {
    const known = this.#encoded.get(endpoint)
    if (known && known.port === endpoint.port && known.address === endpoint.address) return known.bytes
    const bytes = encodeSocketAddress(endpoint)
    if (bytes) this.#encoded.set(endpoint, { address: endpoint.address, port: endpoint.port, bytes })
    return bytes
  }

  #readOther(bytes: Buffer, offset: number): Endpoint | undefined {
    const key = bytes.toString('latin1', offset, offset + socketAddressMaxBytes)
    return this.#others.get(key) ?? this.#remember(this.#others, key, bytes.subarray(offset, offset + socketAddressMaxBytes))
  }

  #remember<Key>(map: Map<Key, Endpoint>, key: Key, bytes: Uint8Array): Endpoint | undefined {
    const endpoint = parseSocketAddress(bytes)
    if (!endpoint) return undefined
    if (map.size >= capacity) map.clear()
    map.set(key, endpoint)
    return endpoint
  }
}
