import { CodedError, type Endpoint } from '@tunnel/flow'
import type { LocalAddresses } from '../ip/local-addresses.ts'
import { isUnicast } from '../wire/address-kind.ts'
import { parseAddress, type IpAddress } from '../wire/ip-address.ts'
import type { TcpFlow } from './tcp-flow.ts'
import type { PairTable, TcpPair } from './tcp-pair.ts'

const firstEphemeralPort = 49_152
const portCount = 65_536

/** Finds our own end of connections that we open. */
export class EphemeralPorts {
  readonly #addresses: LocalAddresses
  readonly #flows: PairTable<TcpFlow>
  readonly #random: () => number

  constructor(addresses: LocalAddresses, flows: PairTable<TcpFlow>, random: () => number) {
    this.#addresses = addresses
    this.#flows = flows
    this.#random = random
  }

  /** The pair to `to`, where nothing else is asked for in `from`. Throws `netstack.address`, `netstack.in-use`, `netstack.limit`. */
  pairTo(to: Endpoint, from: Partial<Endpoint>): TcpPair {
    const remote = requireAddress(to.address)
    // RFC 9293 MUST-46.
    if (!isUnicast(remote)) throw new CodedError('netstack.address', `${to.address} is not the address of one host: connect to one that is`)
    const local = from.address === undefined ? this.#addresses.sourceFor(remote) : requireAddress(from.address)
    if (!local) throw new CodedError('netstack.address', `This stack has no IPv${remote.version} address to connect from: give it one in addresses`)
    const isFree = (port: number): boolean => !this.#flows.find(local, port, remote, to.port)
    if (from.port !== undefined && !isFree(from.port)) throw new CodedError('netstack.in-use', `Port ${from.port} is connected to ${to.address} already`)
    return { local, localPort: from.port ?? this.#freePort(isFree), remote, remotePort: to.port }
  }

  /** RFC 6056 3.3.1: a random start, then the next ones. */
  #freePort(isFree: (port: number) => boolean): number {
    const range = portCount - firstEphemeralPort
    const start = Math.floor(this.#random() * range)
    for (let offset = 0; offset < range; offset += 1) {
      const port = firstEphemeralPort + ((start + offset) % range)
      if (isFree(port)) return port
    }
    throw new CodedError('netstack.limit', `All ${range} ports are connected to that endpoint already: close some connections`)
  }
}

function requireAddress(text: string): IpAddress {
  const address = parseAddress(text)
  if (address) return address
  throw new CodedError('netstack.address', `"${text}" is no IP address: write 192.0.2.1 or 2001:db8::1`, { detail: { address: text } })
}
