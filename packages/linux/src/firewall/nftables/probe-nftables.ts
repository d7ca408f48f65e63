import { available, unavailable, type Availability } from '../availability.ts'
import { addChain, addElements, addRule, addSet, type NftChange } from './change.ts'
import { inSet } from './expressions/in-set.ts'
import { match } from './expressions/match.ts'
import { setMark } from './expressions/set-mark.ts'
import { tproxy } from './expressions/tproxy.ts'
import { accept, leave } from './expressions/verdict.ts'
import { openOwnerTable } from './owner-table.ts'
import { nftSet } from './set.ts'

/**
 * Whether this kernel takes an owner table with all that transparent interception needs: tried in a table that is deleted
 * at once, whose chain hangs on no hook, so that no packet meets it. The reason names the part that was refused.
 */
export function probeNftables(): Availability {
  try {
    const table = openOwnerTable({ name: `ziti-tunnel-probe-${process.pid}` })
    try {
      table.commit(everything)
    } finally {
      table.close()
    }
    return available
  } catch (error) {
    return unavailable(error)
  }
}

const services4 = nftSet('services4', ['ipv4_addr', 'inet_proto', 'inet_service'], { interval: true })
const services6 = nftSet('services6', ['ipv6_addr', 'inet_proto', 'inet_service'], { interval: true })

const everything: readonly NftChange[] = [
  addSet(services4),
  addSet(services6),
  addElements(services4, [['192.0.2.0/24', 'tcp', { from: 1, to: 1024 }]]),
  addElements(services6, [['2001:db8::/32', 'tcp', { from: 1, to: 1024 }]]),
  addChain('probe'),
  addRule('probe', [match('meta l4proto', 'tcp'), match('socket transparent', true), setMark(0x1, 0x1), accept()]),
  addRule('probe', [match('fib daddr type', 'local'), leave()]),
  addRule('probe', [
    match('meta l4proto', ['tcp', 'udp']),
    inSet(services4, ['ip daddr', 'meta l4proto', 'th dport']),
    tproxy({ address: '127.0.0.1', port: 1 }),
  ]),
  addRule('probe', [
    match('meta l4proto', ['tcp', 'udp']),
    inSet(services6, ['ip6 daddr', 'meta l4proto', 'th dport']),
    tproxy({ address: '::1', port: 1 }),
  ]),
]
