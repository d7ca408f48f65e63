import { formatEndpoint, type HostChange } from '@tunnel/flow'
import { planFileWrite } from '../host-state/file-performers.ts'
import { resolverError } from './resolver-error.ts'
import type { ResolverFacts, ResolverWanted } from './resolver-facts.ts'
import { withoutOurServers, withOurServers } from './resolv-conf.ts'
import { routingDomains } from './routing-domains.ts'

/**
 * The changes that make this host ask us, each with its undo. Pure: nothing is read and nothing is done. Throws
 * `resolver.port`, `resolver.read-only` and `resolver.unsupported` where no change can do it.
 */
export function planResolver(facts: ResolverFacts, wanted: ResolverWanted): HostChange[] {
  const plans = { link: planLink, resolvconf: planResolvconf, file: planFile }
  return plans[facts.method](facts, wanted)
}

function planLink(_facts: ResolverFacts, { servers, domains, link }: ResolverWanted): HostChange[] {
  if (!link) throw resolverError('resolver.unsupported', 'systemd-resolved takes servers for a link, and no link of ours is there to carry them')
  const routed = routingDomains(domains)
  const told = routed.length > 4 ? `${routed.slice(0, 3).join(', ')} and ${routed.length - 3} more` : routed.join(', ') || 'no name yet'
  return [
    // Neither has an undo: the link ends with the process, and what systemd-resolved knows of it ends with the link.
    { kind: 'link.tun', summary: `open the TUN link ${link.name} with ${link.address}`, parameters: { name: link.name, address: link.address } },
    {
      kind: 'resolved.set',
      summary: `systemd-resolved asks ${servers.map(formatEndpoint).join(' ')} for ${told}`,
      parameters: { link: link.name, servers: servers.map(resolvedServer).join(' '), domains: routed.join(' ') },
    },
  ]
}

/** Port 53 goes unsaid: systemd before 246 knows no other. */
const resolvedServer = (server: { address: string; port: number }): string => (server.port === 53 ? server.address : formatEndpoint(server))

function planResolvconf({ resolvconf }: ResolverFacts, wanted: ResolverWanted): HostChange[] {
  const servers = portlessServers(wanted)
  const program = resolvconf?.path ?? 'resolvconf'
  const record = recordName(resolvconf?.kind === 'openresolv' && !servers.every((server) => server.startsWith('127.')), wanted.slot ?? 0)
  return [{
    kind: 'resolvconf.add',
    summary: `${program} -a ${record}: nameserver ${servers.join(' ')}`,
    parameters: { program, record, servers: servers.join(' ') },
    undo: { kind: 'resolvconf.remove', summary: `${program} -d ${record}`, parameters: { program, record } },
  }]
}

/**
 * Both programs put servers in the order of their records' names. Debian's has `lo.*` first (interface-order(5));
 * openresolv has loopback servers alone, and for others `tun[0-9]*` is the first name that a tunnel may have
 * (dynamic_order of resolvconf.conf(5)).
 */
function recordName(tunnel: boolean, slot: number): string {
  return `${tunnel ? 'tun0' : 'lo'}.ziti-tunnel${slot === 0 ? '' : `-${slot + 1}`}`
}

function planFile(facts: ResolverFacts, wanted: ResolverWanted): HostChange[] {
  const { file } = facts
  const servers = portlessServers(wanted)
  if (file.state === 'dangling') throw resolverError('resolver.unsupported', `${file.path} links to ${file.target}, which does not exist. Start what writes it, or make ${file.path} a file`)
  if (!file.writable) throw resolverError('resolver.read-only', `${file.target} cannot be written (read-only file system, immutable file or a container). Set the nameserver where the file comes from, or use --resolver file:///etc/hosts`)
  const text = withOurServers(withoutOurServers(file.text), servers, orderIsIgnored(facts))
  const change = planFileWrite({ path: file.path, content: text })
  return [{ ...change, summary: `${file.target}: nameserver ${servers.join(' ')} first` }]
}

/** `rotate` takes the servers in turn, and musl asks all at once: an old server would say that our names do not exist. */
const orderIsIgnored = ({ libc, file }: ResolverFacts): boolean => libc === 'musl' || file.options.includes('rotate')

function portlessServers({ servers }: ResolverWanted): readonly string[] {
  const other = servers.find(({ port }) => port !== 53)
  if (other) throw resolverError('resolver.port', `The DNS server answers on ${formatEndpoint(other)}, and resolv.conf knows port 53 only. Use --resolver udp://127.0.0.1:53, or another free address of this host`)
  return servers.map(({ address }) => address)
}
