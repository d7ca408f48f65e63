import type { HostState } from '@tunnel/linux'
import type { Log } from '@tunnel/flow'
import { createTproxyError } from '../tproxy-error.ts'
import type { Numbers } from '../wanted/numbers.ts'
import type { FirewallForm } from '../wanted/routing.ts'
import type { Firewall, ListenerPorts } from './firewall.ts'
import { openIptablesFirewall } from './iptables-firewall.ts'
import { openNftables } from './nftables-firewall.ts'

export interface OpenFirewallOptions {
  readonly choice: FirewallForm | 'auto'
  readonly host: HostState
  readonly numbers: Numbers
  readonly ports: ListenerPorts
  readonly log: Log
}

/** The first form that works of those allowed. Rejects with `tproxy.no-firewall`: what each of them said. */
export async function openFirewall({ choice, host, numbers, ports, log }: OpenFirewallOptions): Promise<Firewall> {
  const reasons: { form: FirewallForm; error: unknown }[] = []
  if (choice !== 'iptables') {
    try {
      return openNftables(numbers, ports)
    } catch (error) {
      reasons.push({ form: 'nftables', error })
      if (choice === 'auto') log('info', 'intercept/tproxy.New', `nftables cannot be used, trying iptables: ${messageOf(error)}`)
    }
  }
  if (choice !== 'nftables') {
    try {
      return await openIptablesFirewall(host, numbers, ports)
    } catch (error) {
      // The original's own failure comes first: it is what people know and search for.
      reasons.unshift({ form: 'iptables', error })
    }
  }
  const [first, ...others] = reasons
  const message = [messageOf(first?.error), ...others.map(({ form, error }) => `${form}: ${messageOf(error)}`)].join('; ')
  throw createTproxyError('tproxy.no-firewall', message, {}, first?.error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
