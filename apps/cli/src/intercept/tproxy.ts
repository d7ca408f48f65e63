import type { Interceptor } from '@tunnel/core'
import { createProxyInterceptor } from '@tunnel/intercept-proxy'
import { createTproxyInterceptor } from '@tunnel/intercept-tproxy'
import type { HostState } from '@tunnel/linux'
import type { ProgramLog } from '../log/create-log.ts'
import type { NameBook } from '../names/name-book.ts'
import type { InterceptOptions } from '../options/intercept-options.ts'
import { idleOf } from '../options/udp-idle.ts'
import { missingLinks, tellMissing } from './lan-links.ts'
import { withListeners } from './named-interceptor.ts'

/** What an interceptor is made of. */
export interface InterceptorParts {
  readonly host: HostState
  readonly slot: number
  readonly book: NameBook
  /** Ranges that names have their addresses of; empty where they have those of others. */
  readonly poolRanges: readonly string[]
  readonly options: InterceptOptions
  readonly log: ProgramLog
}

/** Inside tunnelers that intercept, proxy.v1 listeners are for programs of this host (protocol section 6.6). */
export const proxyBind = '127.0.0.1'

export async function openTproxy({ host, slot, book, poolRanges, options, log }: InterceptorParts): Promise<Interceptor> {
  const { firewall, lanInterfaces, udpIdle } = options
  for (const missing of missingLinks(lanInterfaces)) log('warn', 'ziti-tunnel/subcmd.tproxy', tellMissing(missing))
  const interceptor = await createTproxyInterceptor({
    host,
    slot,
    addressesOf: (hostname) => book.addressesOf(hostname),
    poolRanges,
    firewall,
    lanInterfaces,
    udpIdle: idleOf(udpIdle),
    log,
  })
  return withListeners(interceptor, createProxyInterceptor({ bind: proxyBind, log }))
}
