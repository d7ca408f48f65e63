import { type Claim, describeClaim, missingIn } from '@tunnel/core/contracts'
import type { HostChange } from '@tunnel/flow'
import { families } from '@tunnel/flow'
import { planChains } from './firewall/iptables-firewall.ts'
import type { ListenerPorts } from './firewall/firewall.ts'
import type { Numbers } from './wanted/numbers.ts'
import type { FirewallForm } from './wanted/routing.ts'

export interface FirstChanges {
  readonly form: FirewallForm
  readonly numbers: Numbers
  readonly ports: ListenerPorts
  readonly claims: Iterable<Claim>
}

/** What is made once, when the first service is intercepted. */
export function planFirst({ form, numbers, ports, claims }: FirstChanges): HostChange[] {
  const used = new Set([...claims].map(({ to }) => to.family))
  const listeners = families.flatMap((family): HostChange[] => {
    const port = family === 4 ? ports.v4 : ports.v6
    const address = family === 4 ? '127.0.0.1' : '[::1]'
    if (port === undefined) return []
    return [{ kind: 'listener.open', summary: `listen on ${address}:${port} for intercepted tcp and udp`, parameters: { family, port } }]
  })
  if (form === 'iptables') {
    const chains = families.filter((family) => used.has(family))
    return [...listeners, ...chains.flatMap((family) => planChains(numbers, family))]
  }
  const summary = `add nftables table inet ${numbers.table} with chains output and ${numbers.chain}: it goes with this process`
  return [...listeners, { kind: 'nftables.table', summary, parameters: { table: numbers.table, chain: numbers.chain } }]
}

/** One change for each claim that comes or goes. The kernel, or the removal of the chain, undoes them. */
export function planClaims(form: FirewallForm, before: ReadonlyMap<string, Claim>, after: ReadonlyMap<string, Claim>): HostChange[] {
  const change = (verb: string, words: string, claim: Claim): HostChange => ({
    kind: `${form}.${verb}`,
    summary: `${words} ${describeClaim(claim)}`,
    parameters: parametersOf(claim),
  })
  return [
    ...missingIn(after, before).map((claim) => change('release', 'stop intercepting', claim)),
    ...missingIn(before, after).map((claim) => change('intercept', 'intercept', claim)),
  ]
}

function parametersOf(claim: Claim): HostChange['parameters'] {
  const { service, protocol, ports } = claim
  return { service, protocol, low: ports.low, high: ports.high, intercept: describeClaim(claim) }
}
