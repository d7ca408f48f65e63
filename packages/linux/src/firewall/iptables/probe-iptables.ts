import { available, unavailable, type Availability } from '../availability.ts'
import { openIptables, type IpFamily, type IptablesControl } from './iptables-control.ts'
import { renderRestore } from './restore-text.ts'

const chain = 'ziti-tunnel-probe'

/** Whether iptables is there and would take TPROXY rules. Nothing is made, so a kill leaves nothing. */
export async function probeIptables(family: IpFamily = 4, open: () => IptablesControl = openIptables): Promise<Availability> {
  const target = { address: family === 4 ? '127.0.0.1' : '::1', port: 1, mark: 0x1, mask: 0x1 }
  try {
    await open().test(family, renderRestore('mangle', [{ change: 'newChain', chain }, { change: 'append', chain, rule: { protocol: 'tcp', target } }]))
    return available
  } catch (error) {
    return unavailable(error)
  }
}
