import { isResolvedStub } from './resolv-conf.ts'
import type { ResolverFacts, ResolverManager, ResolverMethod } from './resolver-facts.ts'

export type FoundFacts = Omit<ResolverFacts, 'manager' | 'method' | 'nameservers' | 'line'>

/** What the facts mean: who manages the resolver, by what we change it, and which servers answer now. */
export function judgeResolver(found: FoundFacts): ResolverFacts {
  const manager = managerOf(found)
  const method = methodOf(found, manager)
  const nameservers = nameserversOf(found, manager)
  const line = `${tellFacts(found)} => ${tellVerdict(found, manager, method)}; upstreams ${list(nameservers)}`
  return { ...found, manager, method, nameservers, line }
}

function managerOf({ file, resolved, resolvconf, dhclient }: FoundFacts): ResolverManager {
  const fileOfResolved = file.target.startsWith('/run/systemd/resolve/')
  if (resolved.running && (resolved.reachedBy !== 'none' || fileOfResolved)) return 'systemd-resolved'
  if (resolvconf?.active) return resolvconf.kind === 'openresolv' ? 'openresolv' : 'resolvconf'
  if (file.state === 'missing' || file.state === 'dangling') return 'none'
  // NetworkManager signs what it writes, and starts dhclient for its own ends.
  if (file.generator === 'NetworkManager' || file.target.startsWith('/run/NetworkManager/')) return 'networkmanager'
  if (file.generator === 'dhclient' || (dhclient && file.generator === undefined)) return 'dhclient'
  return 'plain'
}

function methodOf({ resolved }: FoundFacts, manager: ResolverManager): ResolverMethod {
  // Where programs read the file of resolved but never ask it, its routing by name reaches nobody.
  if (manager === 'systemd-resolved') return resolved.reachedBy === 'none' ? 'file' : 'link'
  return manager === 'resolvconf' || manager === 'openresolv' ? 'resolvconf' : 'file'
}

function nameserversOf({ file, resolved, resolvconf }: FoundFacts, manager: ResolverManager): readonly string[] {
  const direct = file.nameservers.filter((server) => !isResolvedStub(server))
  const known = manager === 'resolvconf' || manager === 'openresolv' ? resolvconf?.upstreams : resolved.upstreams
  const trusted = manager === 'systemd-resolved' || manager === 'resolvconf' || manager === 'openresolv'
  const [first, second] = trusted ? [known ?? [], direct] : [direct, known ?? []]
  return first.length > 0 ? first : second
}

function tellFacts({ file, resolved, resolvconf, networkManager, dhclient, libc }: FoundFacts): string {
  const marks = [file.generator && `written by ${file.generator}`, file.mounted && 'mounted by a container engine', !file.writable && 'not writable']
  const kinds = { regular: 'is a regular file', symlink: `links to ${file.target}`, dangling: `links to ${file.target}, which is missing`, missing: 'is missing' }
  const told = [`${file.path} ${kinds[file.state]}`, ...marks.filter((mark) => typeof mark === 'string'), `nameservers ${list(file.nameservers)}`]
  const reached = { stub: 'asked by its stub', nss: 'asked by nss-resolve', none: 'not asked by this host' }
  return [
    told.join(', '),
    resolved.running ? `systemd-resolved runs, ${reached[resolved.reachedBy]}` : 'no systemd-resolved',
    resolvconf ? `${resolvconf.path} is ${resolvconf.kind === 'openresolv' ? 'openresolv' : `that of ${resolvconf.kind}`}${resolvconf.active ? '' : ', not in use'}` : 'no resolvconf',
    networkManager.running ? `NetworkManager runs${networkManager.dns ? ` (dns=${networkManager.dns})` : ''}` : 'no NetworkManager',
    dhclient ? 'dhclient runs' : 'no dhclient',
    libc,
  ].join('; ')
}

function tellVerdict({ file }: FoundFacts, manager: ResolverManager, method: ResolverMethod): string {
  const ways = { link: 'by a link of ours', resolvconf: 'by a record of ours', file: file.writable ? 'by the file itself' : 'not to be changed here' }
  return `${manager}, ${ways[method]}`
}

const list = (servers: readonly string[]): string => (servers.length > 0 ? servers.join(' ') : 'none')
