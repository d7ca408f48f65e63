import { rejectAttribute, rejectType } from '../kernel-numbers.ts'
import { writeExpression } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'

/** Drops the packet and says so to its sender. Only in input, forward, output and prerouting. */
export interface Reject {
  readonly kind: 'reject'
  /** A reset is for TCP only; the others are ICMP or ICMPv6, as the packet is. */
  readonly reason: keyof typeof reasons
}

/** Type, code (NFT_REJECT_ICMPX_*), and nft's words. */
const reasons = {
  reset: [rejectType.tcpReset, 0, 'tcp reset'],
  'no-route': [rejectType.icmpx, 0, 'icmpx type no-route'],
  'port-unreachable': [rejectType.icmpx, 1, 'icmpx type port-unreachable'],
  'host-unreachable': [rejectType.icmpx, 2, 'icmpx type host-unreachable'],
  prohibited: [rejectType.icmpx, 3, 'icmpx type admin-prohibited'],
} as const

export function reject(reason: Reject['reason']): Reject {
  return { kind: 'reject', reason }
}

export function writeReject({ writer }: RuleWriter, { reason }: Reject): void {
  const [type, code] = reasons[reason]
  writeExpression(writer, 'reject', () => {
    writer.u32(rejectAttribute.type, type)
    writer.u8(rejectAttribute.code, code)
  })
}

export function renderReject({ reason }: Reject): string {
  return `reject with ${reasons[reason][2]}`
}
