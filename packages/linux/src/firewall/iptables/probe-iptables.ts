import { available, unavailable, type Availability } from '../availability.ts'
import { isTablePresent, removeEmptyTable } from './empty-table.ts'
import { openIptables, type IpFamily, type IptablesControl } from './iptables-control.ts'
import { renderRestore } from './restore-text.ts'

/** Whether iptables is there and takes TPROXY rules: tried in a chain that no other one jumps to, and deleted at once. */
export async function probeIptables(family: IpFamily = 4, open: () => IptablesControl = openIptables): Promise<Availability> {
  const chain = `ZT-PROBE-${process.pid}`
  const address = family === 4 ? '127.0.0.1' : '::1'
  try {
    const iptables = open()
    const wasAbsent = isTablePresent(family, 'mangle') === false
    const rule = { protocol: 'tcp', target: { address, port: 1, mark: 0x1, mask: 0x1 } } as const
    await iptables.apply(family, renderRestore('mangle', [{ change: 'newChain', chain }, { change: 'append', chain, rule }]))
    await iptables.apply(family, renderRestore('mangle', [{ change: 'flushChain', chain }, { change: 'deleteChain', chain }]))
    if (wasAbsent) removeEmptyTable(family, 'mangle')
    return available
  } catch (error) {
    return unavailable(error)
  }
}
