import { IpAddress } from './ip-address.ts'

/** 224.0.0.0/4 (RFC 1112 4), ff00::/8 (RFC 4291 2.7). */
export function isMulticast({ version, word0, word3 }: IpAddress): boolean {
  return version === 4 ? word3 >>> 28 === 0xe : word0 >>> 24 === 0xff
}

/** 255.255.255.255. What a subnet's own broadcast address is, only the subnet knows. */
export function isBroadcast({ version, word3 }: IpAddress): boolean {
  return version === 4 && word3 === -1
}

/** 0.0.0.0/8: "this network" (RFC 1122 3.2.1.3 (a) and (b)); `::`. */
export function isUnspecified({ version, word0, word1, word2, word3 }: IpAddress): boolean {
  return version === 4 ? word3 >>> 24 === 0 : (word0 | word1 | word2 | word3) === 0
}

/** 127.0.0.0/8, `::1`: never outside a host (RFC 1122 3.2.1.3 (g), RFC 4291 2.5.3). */
export function isLoopback({ version, word0, word1, word2, word3 }: IpAddress): boolean {
  return version === 4 ? word3 >>> 24 === 127 : (word0 | word1 | word2) === 0 && word3 === 1
}

/** `::ffff:0:0/96` in an IPv6 header: a way round filters on IPv4 addresses, of no use on a wire (RFC 4942 2.2). */
export function isMapped({ version, word0, word1, word2 }: IpAddress): boolean {
  return version === 6 && (word0 | word1) === 0 && word2 === 0xffff
}

/** 240.0.0.0/4 without the broadcast address is reserved, and not refused: some networks use it. */
export function isUnicast(address: IpAddress): boolean {
  return !isMulticast(address) && !isBroadcast(address) && !isUnspecified(address)
}

/** What neighbours are asked by: ff02::1:ff00:0/104 and the last 24 bits of the address (RFC 4291 2.7.1). */
export function solicitedNode({ word3 }: IpAddress): IpAddress {
  return new IpAddress(6, 0xff02_0000, 0, 1, 0xff00_0000 | (word3 & 0xff_ffff))
}
