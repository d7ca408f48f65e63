import * as z from 'zod'
import type { RouterAddress } from '../types.ts'
import { envelope, optional, orDefault, page } from './envelope.ts'

const urlsSchema = optional(z.record(z.string(), z.string()))

/**
 * A router of a service session, of a service or of the identity: each leaves out other members (protocol section 11.2).
 */
const routerSchema = z
  .object({
    name: orDefault(z.string(), ''),
    isOnline: orDefault(z.boolean(), true),
    disabled: orDefault(z.boolean(), false),
    supportedProtocols: urlsSchema,
    urls: urlsSchema,
  })
  .transform(({ name, isOnline, disabled, supportedProtocols, urls }): RouterAddress | undefined => {
    const url = supportedProtocols?.['tls'] ?? urls?.['tls']
    return disabled || url === undefined ? undefined : parseRouterUrl(url, name, isOnline)
  })

// Old controllers leave out the slashes: `tls:host:port`.
const routerUrl = /^tls:(?:\/\/)?(?<host>\[[0-9a-f:.]+\]|[^:/?#@\s[\]]+):(?<port>\d{1,5})\/?$/i

/** `undefined` for a URL that no edge client can use. */
export function parseRouterUrl(url: string, name: string, online: boolean): RouterAddress | undefined {
  const { host, port } = routerUrl.exec(url)?.groups ?? {}
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined
  return { name, url, host: host.startsWith('[') ? host.slice(1, -1) : host, port: Number(port), online }
}

/** Those that we can use, online ones first, one per URL. */
export function usableRouters(routers: readonly (RouterAddress | undefined)[]): readonly RouterAddress[] {
  const byUrl = new Map<string, RouterAddress>()
  for (const router of routers) if (router !== undefined && !byUrl.has(router.url)) byUrl.set(router.url, router)
  return [...byUrl.values()].sort((a, b) => Number(b.online) - Number(a.online))
}

export const routersSchema = orDefault(z.array(routerSchema), []).transform(usableRouters)
export const serviceRoutersSchema = envelope(z.object({ edgeRouters: routersSchema }))
export const identityRoutersSchema = page(routerSchema)
