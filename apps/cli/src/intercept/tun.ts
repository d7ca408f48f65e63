import { createProxyInterceptor } from '@tunnel/intercept-proxy'
import { createTunInterceptor } from '@tunnel/intercept-tun'
import { systemClock } from '@tunnel/flow'
import { createPcapTap } from '@tunnel/netstack'
import { captureToFile } from '../capture/capture-to-file.ts'
import { idleOf } from '../options/udp-idle.ts'
import { linkAddress } from '../resolver/wanted-resolver.ts'
import type { HostInterceptor } from './host-interceptor.ts'
import { withListeners } from './named-interceptor.ts'
import type { InterceptorParts } from './tproxy.ts'
import { proxyBind } from './tproxy.ts'
import { tunAddressesOf } from './tun-addresses.ts'

export async function openTun({ host, slot, book, poolRanges, options, log }: InterceptorParts): Promise<HostInterceptor> {
  const tap = createPcapTap({ clock: systemClock })
  if (options.capture) captureToFile(tap, options.capture, log)
  const tun = await createTunInterceptor({
    host,
    slot,
    addresses: { ...tunAddressesOf(options), ...(poolRanges.length > 0 && { peer: linkAddress(options.ip4Range, slot) }) },
    addressesOf: (hostname) => book.addressesOf(hostname),
    poolRanges,
    udpIdle: idleOf(options.udpIdle),
    through: tap.through,
    log,
  })
  return { ...withListeners(tun, createProxyInterceptor({ bind: proxyBind, log })), inside: tun, tap }
}
