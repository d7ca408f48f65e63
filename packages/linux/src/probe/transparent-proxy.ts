import { findProgram } from '../firewall/iptables/find-program.ts'
import { renderRestore } from '../firewall/iptables/restore-text.ts'
import { runProgram } from '../firewall/iptables/run-program.ts'
import { probeNftables } from '../firewall/nftables/probe-nftables.ts'
import { openTransparentListener } from '../sockets/transparent-listener.ts'
import type { ProbeResult } from './probe-result.ts'

/** Only the kernel can tell what it takes: a table is made for an instant, hooked nowhere. */
export function probeFirewallOfKernel(): ProbeResult {
  const name = 'nftables'
  const answer = probeNftables()
  if (answer.ok) return { name, ok: true, detail: 'TPROXY, socket match and owner tables work' }
  const remedy = 'run as root; Linux 5.12 or later with nft_tproxy, nft_socket and nft_fib_inet (modprobe), or --firewall iptables'
  return { name, ok: false, detail: answer.reason, remedy }
}

/** Only a second choice. Asks for a test of the rule, which changes nothing. */
export async function probeIptablesProgram(nftablesWorks: boolean): Promise<ProbeResult> {
  const name = 'iptables'
  const failed = (detail: string, remedy: string): ProbeResult => ({ name, ok: nftablesWorks ? 'warn' : false, detail, remedy })
  const program = findProgram('iptables-restore')
  if (program === undefined) return failed('not installed', 'install iptables, if nftables cannot be used')
  try {
    const target = { address: '127.0.0.1', port: 1, mark: 1, mask: 1 }
    const text = renderRestore('mangle', [
      { change: 'newChain', chain: 'ziti-tunnel-probe' },
      { change: 'append', chain: 'ziti-tunnel-probe', rule: { protocol: 'tcp', target } },
    ])
    const { status, errors } = await runProgram(program, ['--test', '--noflush'], text, testTimeout)
    if (status === 0) return { name, ok: true, detail: `TPROXY works (${program})` }
    return failed(errors.trim().split('\n')[0] ?? `it ended with ${status}`, 'run as root on a kernel with xt_TPROXY (modprobe xt_TPROXY)')
  } catch (error) {
    return failed(messageOf(error), 'see whether iptables-restore can be run')
  }
}

const testTimeout = 5000

export function probeTransparentSockets(): ProbeResult {
  const name = 'transparent sockets'
  try {
    openTransparentListener({ address: '127.0.0.1' }).close()
    return { name, ok: true, detail: 'IP_TRANSPARENT can be set' }
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), remedy: 'run as root, or grant CAP_NET_ADMIN' }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
