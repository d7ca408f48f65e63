import { firewallError } from '../../firewall-error.ts'
import { encodeOperand } from '../field.ts'
import { protocolFamily, register, tproxyAttribute } from '../kernel-numbers.ts'
import { writeExpression, writeImmediate } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'

/**
 * Gives the packet to the transparent socket at this address and port, its destination unchanged. It needs a rule that
 * matches the protocol (TCP or UDP) before, and a mark by which the routing keeps the packet on this host. When no such
 * socket is there, or the packet is of the other family, the rule does not match from here on.
 */
export interface Tproxy {
  readonly kind: 'tproxy'
  readonly family: 'ipv4' | 'ipv6'
  readonly address: string
  readonly port: number
}

/** `tproxy({ address: '127.0.0.1', port: 33641 })`. */
export function tproxy({ address, port }: { address: string; port: number }): Tproxy {
  return { kind: 'tproxy', family: address.includes(':') ? 'ipv6' : 'ipv4', address, port }
}

export function writeTproxy({ writer }: RuleWriter, { family, address, port }: Tproxy): void {
  if (port === 0) throw firewallError('firewall.malformed', 'tproxy to port 0')
  writeImmediate(writer, register.first, encodeOperand(family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr', address).from)
  writeImmediate(writer, register.second, encodeOperand('inet_service', port).from)
  writeExpression(writer, 'tproxy', () => {
    writer.u32(tproxyAttribute.family, protocolFamily[family])
    writer.u32(tproxyAttribute.addressRegister, register.first)
    writer.u32(tproxyAttribute.portRegister, register.second)
  })
}

export function renderTproxy({ family, address, port }: Tproxy): string {
  return family === 'ipv4' ? `tproxy ip to ${address}:${port}` : `tproxy ip6 to [${address}]:${port}`
}
