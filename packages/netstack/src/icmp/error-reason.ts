import type { IcmpError } from '../wire/icmp.ts'
import { unreachable4 } from '../wire/icmp4.ts'
import { unreachable6 } from '../wire/icmp6.ts'

/** What an ICMP error says, the same for both versions. */
export type IcmpErrorReason =
  | 'port-unreachable'
  | 'protocol-unreachable'
  | 'host-unreachable'
  | 'prohibited'
  | 'too-big'
  | 'time-exceeded'
  | 'parameter-problem'

export type UnreachableReason = 'port-unreachable' | 'host-unreachable' | 'prohibited'

/** 9, 10: network or host administratively prohibited; 13: communication (RFC 1812 5.2.7.1). */
const prohibited4: readonly number[] = [9, 10, unreachable4.prohibited]
/** 5: source address failed policy; 6: reject route (RFC 4443 3.1). */
const prohibited6: readonly number[] = [unreachable6.prohibited, 5, 6]

export function errorReason({ kind, code }: IcmpError, version: 4 | 6): IcmpErrorReason {
  if (kind !== 'unreachable') return kind === 'parameter-problem' && version === 6 && code === 1 ? 'protocol-unreachable' : kind
  if (code === (version === 4 ? unreachable4.port : unreachable6.port)) return 'port-unreachable'
  if (version === 4 && code === unreachable4.protocol) return 'protocol-unreachable'
  return (version === 4 ? prohibited4 : prohibited6).includes(code) ? 'prohibited' : 'host-unreachable'
}

const codes4: Readonly<Record<UnreachableReason, number>> = {
  'port-unreachable': unreachable4.port,
  'host-unreachable': unreachable4.host,
  prohibited: unreachable4.prohibited,
}
const codes6: Readonly<Record<UnreachableReason, number>> = {
  'port-unreachable': unreachable6.port,
  'host-unreachable': unreachable6.address,
  prohibited: unreachable6.prohibited,
}

/** The code for "destination unreachable". */
export const unreachableCode = (reason: UnreachableReason, version: 4 | 6): number => (version === 4 ? codes4 : codes6)[reason]
