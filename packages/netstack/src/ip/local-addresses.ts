import { isLoopback, isMapped, isUnicast, solicitedNode } from '../wire/address-kind.ts'
import type { IpAddress } from '../wire/ip-address.ts'

export interface LocalAddressesOptions {
  /** Our own, the first of each version being the one that we send from. */
  readonly addresses?: readonly IpAddress[]
  /** Answer for every address that a packet comes for, as one who intercepts does. */
  readonly any?: boolean
}

/** Which destinations are us. */
export class LocalAddresses {
  readonly #addresses: readonly IpAddress[]
  readonly any: boolean

  constructor({ addresses = [], any = false }: LocalAddressesOptions) {
    this.#addresses = addresses
    this.any = any
  }

  owns(address: IpAddress): boolean {
    return this.#addresses.some((own) => own.equals(address))
  }

  accepts(destination: IpAddress): boolean {
    if (!isUnicast(destination) || isLoopback(destination) || isMapped(destination)) return false
    return this.any || this.owns(destination)
  }

  /** A multicast address on which neighbours ask for one of ours (RFC 4291 2.8). */
  isAskedFor(destination: IpAddress): boolean {
    return this.#addresses.some((own) => own.version === 6 && solicitedNode(own).equals(destination))
  }

  /** The address to send from; `undefined` where we have none of that version. */
  sourceFor(destination: IpAddress): IpAddress | undefined {
    return this.#addresses.find((own) => own.version === destination.version)
  }
}
