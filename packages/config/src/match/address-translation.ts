import { addressBits, ipAddressOf, isInNetwork, networkOf } from './ip-address.ts'
import type { IpAddress } from './ip-address.ts'

/** Addresses of one network become those of another of the same size (protocol section 5.6, rule 3). */
export interface AddressTranslation {
  readonly from: IpAddress
  readonly to: IpAddress
  readonly prefixLength: number
}

/** By the longest prefix that contains `ip`: its network bits of `to`, and the host bits of `ip`. Else `ip` itself. */
export function translateAddress(translations: readonly AddressTranslation[], ip: IpAddress): IpAddress {
  let best: AddressTranslation | undefined
  for (const translation of translations) {
    if (best && translation.prefixLength <= best.prefixLength) continue
    if (isInNetwork(ip, translation.from, translation.prefixLength)) best = translation
  }
  if (!best) return ip
  const hostBits = BigInt(addressBits[ip.family] - best.prefixLength)
  const hostMask = (1n << hostBits) - 1n
  return ipAddressOf(ip.family, networkOf(best.to, best.prefixLength).value | (ip.value & hostMask))
}
