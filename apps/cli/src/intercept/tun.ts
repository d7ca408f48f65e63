import type { Interceptor } from '@tunnel/core'
import { createProxyInterceptor } from '@tunnel/intercept-proxy'
import { createTunInterceptor } from '@tunnel/intercept-tun'
import { idleOf } from '../options/udp-idle.ts'
import { withListeners } from './named-interceptor.ts'
import type { InterceptorParts } from './tproxy.ts'
import { proxyBind } from './tproxy.ts'
import { tunAddresses } from './tun-addresses.ts'

export async function openTun({ host, slot, book, poolRanges, options, log }: InterceptorParts): Promise<Interceptor> {
  const interceptor = await createTunInterceptor({
    host,
    slot,
    addresses: tunAddresses,
    addressesOf: (hostname) => book.addressesOf(hostname),
    poolRanges,
    udpIdle: idleOf(options.udpIdle),
    log,
  })
  return withListeners(interceptor, createProxyInterceptor({ bind: proxyBind, log }))
}
