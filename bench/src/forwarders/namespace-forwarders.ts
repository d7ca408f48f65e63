import type { ClientNetwork } from '../client-network.ts'
import { startProgram } from '../part.ts'
import { hasProgram, manyDescriptors, type Forwarder } from './forwarder.ts'

const hasDefaultRoute = (network: ClientNetwork): boolean => network.run('ip -4 route show default').trim() !== ''

/** passt's way for namespaces: it does not end TCP itself but hands the kernel's windows on. */
const pasta: Forwarder = {
  name: 'passt',
  async start(network) {
    const addresses = ['--config-net', '--ipv4-only', '--address', '10.0.2.100', '--netmask', '24', '--gateway', '10.0.2.2', '--mtu', '65520', '--ns-ifname', 'tap0']
    const none = ['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none', '--no-map-gw', '--no-dhcp']
    const command = [...manyDescriptors, 'pasta', '--foreground', '--quiet', '--runas', '0', ...addresses, ...none, '--netns', network.path]
    return startProgram(command, () => hasDefaultRoute(network))
  },
}

/** libslirp, as rootless containers had it for years. */
const slirp: Forwarder = {
  name: 'slirp4netns',
  async start(network) {
    return startProgram([...manyDescriptors, 'slirp4netns', '--configure', '--mtu=65520', String(network.pid), 'tap0'], () => hasDefaultRoute(network))
  },
}

/** Those that are installed. */
export function namespaceForwarders(): Forwarder[] {
  return [...(hasProgram('pasta') ? [pasta] : []), ...(hasProgram('slirp4netns') ? [slirp] : [])]
}
