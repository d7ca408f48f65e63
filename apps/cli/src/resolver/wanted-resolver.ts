import type { Endpoint } from '@tunnel/flow'
import type { ResolverFacts, ResolverWanted } from '@tunnel/linux'
import { resolverLinkName } from '@tunnel/linux'
import type { InterceptOptions } from '../options/intercept-options.ts'
import { selfTestName } from './self-test.ts'

/** What this host's resolver is to know of us: as it is told, and as guidance puts it. */
export function wantedResolver({ resolver, configureResolver, ip4Range }: Pick<InterceptOptions, 'resolver' | 'configureResolver' | 'ip4Range'>, facts: Pick<ResolverFacts, 'method'>, slot: number): ResolverWanted {
  const listen = resolver.kind === 'server' ? resolver.listen : []
  const domains = [selfTestName]
  if (!configureResolver || facts.method !== 'link') return { servers: listen.map(reachable), domains, slot }
  const address = linkAddress(ip4Range, slot)
  return { servers: [{ address, port: listen[0]?.port ?? 53 }], domains, link: { name: resolverLinkName(slot), address }, slot }
}

/** A server on all addresses is asked on the loopback one. */
function reachable({ address, port }: Endpoint): Endpoint {
  const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  return { address: loopback[address] ?? address, port }
}

/** Of the link that carries our setting in systemd-resolved: each tunneler of a host has one, from the address of the range on. */
export function linkAddress(range: string, slot: number): string {
  const [address = ''] = range.split('/')
  const value = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) + slot
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
}
