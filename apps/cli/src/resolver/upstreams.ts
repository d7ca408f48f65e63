import type { ForwardOptions, Resolver } from '@tunnel/dns'
import { cache, forward } from '@tunnel/dns'
import { formatEndpoint } from '@tunnel/flow'

/** The servers that are asked for all names but ours; another set may take their place while questions come. */
export interface Upstreams {
  readonly resolver: Resolver
  readonly servers: readonly string[]
  replace(servers: readonly string[]): void
}

export function createUpstreams(servers: readonly string[], options: ForwardOptions): Upstreams {
  let current = open(servers)
  let known = servers
  return {
    resolver: {
      resolve: (question, context) => (typeof current === 'function' ? current(question, context) : current?.resolve(question, context)),
      close: () => closeOf(current),
    },
    get servers() {
      return known
    },
    replace(next) {
      const before = current
      current = open(next)
      known = next
      closeOf(before)
    },
  }

  function open(urls: readonly string[]): Resolver | undefined {
    return urls.length === 0 ? undefined : cache(forward(urls, options))
  }
}

function closeOf(resolver: Resolver | undefined): void {
  if (typeof resolver === 'object') resolver.close?.()
}

/** Nameservers as resolv.conf has them, as URLs. One with a zone (`fe80::1%eth0`) leads over a link that we do not choose: left out. */
export function upstreamUrls(nameservers: readonly string[]): string[] {
  return nameservers.filter((address) => !address.includes('%')).map((address) => `udp://${formatEndpoint({ address, port: 53 })}`)
}
