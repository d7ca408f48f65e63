import { addressBits, CodedError, formatIpAddress, parseIpAddress } from '@tunnel/flow'

/** The addresses that a pool gives out of one CIDR, by index. The number of indexes is a power of two. */
export interface AddressRange {
  readonly family: 4 | 6
  /** The CIDR with its host bits cleared: `100.64.0.0/10`. */
  readonly prefix: string
  readonly size: bigint
  /** How many can be given out. */
  readonly capacity: bigint
  addressAt(index: bigint): string
  /** The network address, the address that the CIDR was written with, and the IPv4 broadcast address. */
  isReserved(index: bigint): boolean
  contains(address: string): boolean
}

/** An IPv6 prefix shorter than /64 gives addresses of its first /64, the usual width of an interface identifier. */
const mostHostBits = 64

/**
 * The range of a CIDR such as `100.64.0.1/10`. The address that it was written with is somebody's own (the host's, on
 * its link) and is not given out; nor are the network and broadcast addresses, which programs treat as special
 * (RFC 919 7; RFC 4291 2.6.1 for the subnet-router address).
 */
export function parseAddressRange(cidr: string, family: 4 | 6): AddressRange {
  const [text = '', length = '', more] = cidr.split('/')
  const address = parseIpAddress(text)
  const bits = /^\d{1,3}$/.test(length) && more === undefined ? Number(length) : Number.NaN
  if (address?.family !== family || !(bits >= 0 && bits <= addressBits[family])) throw badRange(cidr, `is no IPv${family} range`, family)
  const hostBits = BigInt(addressBits[family] - bits)
  const network = (address.value >> hostBits) << hostBits
  const size = 1n << (hostBits > mostHostBits ? BigInt(mostHostBits) : hostBits)
  const own = address.value - network
  const broadcast = size - 1n
  const reserved = new Set(family === 4 ? [0n, own, broadcast] : [0n, own])
  const capacity = size - BigInt([...reserved].filter((index) => index < size).length)
  if (capacity < 1n) throw badRange(cidr, 'has no address left to give out', family)
  return {
    family,
    prefix: `${formatIpAddress({ family, value: network })}/${bits}`,
    size,
    capacity,
    addressAt: (index) => formatIpAddress({ family, value: network + index }),
    isReserved: (index) => reserved.has(index),
    contains(candidate) {
      const parsed = parseIpAddress(candidate)
      return parsed?.family === family && parsed.value >> hostBits === address.value >> hostBits
    },
  }
}

function badRange(cidr: string, fault: string, family: 4 | 6): CodedError {
  const example = family === 4 ? '100.64.0.1/10' : 'fd00:7a69::1/64'
  return new CodedError('dns.bad-range', `The address range "${cidr}" ${fault}. Give one such as ${example}.`, { detail: { range: cidr } })
}
