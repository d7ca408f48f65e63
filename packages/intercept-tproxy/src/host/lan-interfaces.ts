import { readFileSync } from 'node:fs'
import { isCodedError, type HostChange, type Log } from '@tunnel/flow'
import { inputOpeningChain, openIptables, planChainRepair, planInputOpening, renderRestore, type HostState, type InputOpening } from '@tunnel/linux'
import type { Family } from '@tunnel/flow'
import type { Numbers } from '../wanted/numbers.ts'

export interface LanOptions {
  readonly interfaces: readonly string[]
  readonly numbers: Numbers
  readonly ipv6: boolean
}

/** Lets what neighbours send to intercepted addresses pass a firewall that refuses input. */
export function planLan(options: LanOptions): HostChange[] {
  return openingsOf(options).map(planInputOpening)
}

function openingsOf({ interfaces, numbers, ipv6 }: LanOptions): InputOpening[] {
  if (interfaces.length === 0) return []
  const used: Family[] = ipv6 ? [4, 6] : [4]
  const mark = { value: numbers.mark, mask: numbers.mark }
  return used.map((family) => ({ family, chain: numbers.chain, owner: numbers.table, interfaces, mark }))
}

/** Makes again what somebody (a firewall that was loaded anew) has removed of the changes that were `made`. True when there was something. */
export async function repairLan(host: HostState, options: LanOptions, made: readonly HostChange[]): Promise<boolean> {
  let repaired = false
  for (const opening of openingsOf(options)) {
    if (!made.some(({ parameters }) => parameters['family'] === opening.family)) continue
    const { owned, rules } = inputOpeningChain(opening)
    const iptables = openIptables()
    const changes = planChainRepair(await iptables.list(owned.family, owned.table), owned, rules)
    if (changes.length === 0) continue
    await host.hold(() => iptables.apply(owned.family, renderRestore(owned.table, changes)))
    repaired = true
  }
  return repaired
}

const source = 'intercept/tproxy.lanInterfaces'

/** Makes them one by one: a host without iptables has no such firewall to open, or one that only its owner can open. */
export async function openLan(host: HostState, changes: readonly HostChange[], log: Log): Promise<HostChange[]> {
  const made: HostChange[] = []
  for (const change of changes) {
    try {
      await host.apply([change])
      made.push(change)
    } catch (error) {
      if (!isCodedError(error)) throw error
      log('warn', source, `could not ${change.summary}: ${error.message}. If this host refuses input, allow packets with our mark`, { code: error.code })
    }
  }
  return made
}

/** What of the kernel's settings may surprise who makes this host a gateway. */
export function lanHints(interfaces: readonly string[], read: (path: string) => string | undefined = readSetting): string[] {
  const settings = '/proc/sys/net/ipv4'
  const hints: string[] = []
  for (const name of interfaces) {
    const filter = Math.max(...['all', name].map((each) => Number(read(`${settings}/conf/${each}/rp_filter`) ?? 0)))
    if (filter === 1) {
      hints.push(`rp_filter of ${name} is strict: packets of neighbours that this host would answer by another interface are dropped. 'sysctl -w net.ipv4.conf.${name}.rp_filter=2' allows them`)
    }
  }
  if (interfaces.length > 0 && read(`${settings}/ip_forward`)?.trim() === '0') {
    hints.push(`ip_forward is 0: neighbours reach intercepted services by this host, and nothing else. 'sysctl -w net.ipv4.ip_forward=1' makes it their gateway`)
  }
  return hints
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
