import { formatEndpoint } from '@tunnel/flow'
import type { ResolverFacts, ResolverManager, ResolverWanted } from './resolver-facts.ts'

export interface GuidanceOptions {
  /** The command line of the program with one option more. */
  readonly command?: (option: string) => string
  /** Leaves out the command that does it for a run, where that is said elsewhere. */
  readonly byHand?: boolean
}

/** What a person types to let this host's programs ask us: first the command that does it for a run, then the way by hand for its manager. */
export function resolverGuidance(facts: ResolverFacts, wanted: ResolverWanted, options: GuidanceOptions = {}): string[] {
  const { command = (option) => `sudo ziti-tunnel run ${option}`, byHand = false } = options
  const server = wanted.servers[0] ?? { address: '127.0.0.1', port: 53 }
  const isOutOfReach = facts.method === 'file' && !facts.file.writable
  const forOneRun = isOutOfReach ? [`${facts.file.target} cannot be written here, so ziti-tunnel cannot do it.`] : ['For the time of one run, and put back afterwards:', `    ${command('--configure-resolver')}`]
  return [
    `The DNS server of ziti-tunnel (${formatEndpoint(server)}) must be first in this host's resolver configuration.`,
    ...(byHand && !isOutOfReach ? [] : forOneRun),
    ...lastingWay[facts.manager](server.address, facts),
    'Without the resolver, for the hostnames that it tunnels:',
    `    ${command('--resolver file:///etc/hosts')}`,
  ]
}

type Lasting = (address: string, facts: ResolverFacts) => string[]

const dhclient: Lasting = (address) => [
  'To make it last, as dhclient writes this file, add to /etc/dhcp/dhclient.conf and restart the network (or this host):',
  `    prepend domain-name-servers ${address};`,
]

const resolvconf: Lasting = (address, { resolvconf: found }) => [
  `To make it last, as ${found?.kind === 'openresolv' ? 'openresolv' : 'resolvconf'} writes this file:`,
  ...(found?.kind === 'openresolv'
    ? [`    echo 'name_servers=${address}' | sudo tee -a /etc/resolvconf.conf`, '    sudo resolvconf -u']
    : [`    echo 'nameserver ${address}' | sudo tee -a /etc/resolvconf/resolv.conf.d/head`, '    sudo resolvconf -u']),
]

const plain: Lasting = (address, { file }) => [`To make it last, put this line before the other nameservers of ${file.target}:`, `    nameserver ${address}`]

// The words of the original README stand for dhclient and systemd-resolved.
const lastingWay: Readonly<Record<ResolverManager, Lasting>> = {
  dhclient,
  resolvconf,
  openresolv: resolvconf,
  plain,
  none: plain,
  'systemd-resolved': (address) => [
    'To make it last, as systemd-resolved manages this host (every question then goes through ziti-tunnel):',
    '    sudo ln -sf /run/systemd/resolve/resolv.conf /etc',
    '    sudo mkdir -p /etc/systemd/resolved.conf.d',
    `    echo -e "[Resolve]\\nDNS=${address}" | sudo tee /etc/systemd/resolved.conf.d/ziti-tunnel.conf`,
    '    sudo systemctl restart systemd-resolved',
  ],
  networkmanager: (address) => [
    'To make it last, as NetworkManager writes this file (`nmcli connection show --active` names the connections):',
    `    sudo nmcli connection modify CONNECTION ipv4.dns ${address} ipv4.dns-priority -1`,
    '    sudo nmcli connection up CONNECTION',
  ],
}
