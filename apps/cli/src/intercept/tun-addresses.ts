import { defaultIp6Range } from '../options/address-range.ts'
import type { InterceptOptions } from '../options/intercept-options.ts'

export interface TunAddresses {
  readonly v4: string
  readonly v6: string
}

/**
 * Of a TUN link of ours, as the original has them: they are given to no name. That of IPv6 is the first one of the range of names where we have chosen that:
 * so others see which ranges are taken.
 */
export function tunAddressesOf({ ip6Range, ip6RangeGiven }: Pick<InterceptOptions, 'ip6Range' | 'ip6RangeGiven'>): TunAddresses {
  const [network] = (ip6RangeGiven ? undefined : ip6Range)?.split('::/') ?? defaultIp6Range.split('::/')
  return { v4: '169.254.1.1', v6: `${network}::1` }
}
