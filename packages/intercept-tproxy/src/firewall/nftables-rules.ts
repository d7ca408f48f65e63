import {
  accept,
  addChain,
  addRule,
  addSet,
  deleteSet,
  flushChain,
  inSet,
  leave,
  match,
  matchNot,
  nftSet,
  ownMark,
  ownMask,
  reject,
  setMark,
  tproxy,
  type NftChange,
  type NftSet,
} from '@tunnel/linux'
import type { ListenerPorts } from './firewall.ts'
import type { Numbers } from '../wanted/numbers.ts'

/**
 * Intercepted destinations, by address, protocol and port; with `from`, by the source address too. Single addresses with a single port
 * have a hash of their own: the kernel adds, removes and finds elements there in the same time however many there are; in
 * its sets of ranges each removal costs as much as there are elements.
 */
export const nftSets = {
  exact: {
    4: nftSet('exact4', ['ipv4_addr', 'inet_proto', 'inet_service']),
    6: nftSet('exact6', ['ipv6_addr', 'inet_proto', 'inet_service']),
  },
  to: {
    4: nftSet('to4', ['ipv4_addr', 'inet_proto', 'inet_service'], { interval: true }),
    6: nftSet('to6', ['ipv6_addr', 'inet_proto', 'inet_service'], { interval: true }),
  },
  from: {
    4: nftSet('from4', ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr'], { interval: true }),
    6: nftSet('from6', ['ipv6_addr', 'inet_proto', 'inet_service', 'ipv6_addr'], { interval: true }),
  },
  /** Open flows to what is no longer intercepted: client address, protocol, client port, destination, port. */
  lingering: {
    4: nftSet('lingering4', ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr', 'inet_service']),
    6: nftSet('lingering6', ['ipv6_addr', 'inet_proto', 'inet_service', 'ipv6_addr', 'inet_service']),
  },
} as const

const manglePriority = -150
/**
 * Behind the mangle chains of others, and behind firewalld's look for the way back to a source (-140): once a packet has our socket,
 * the kernel no longer sees that it came by `lo` (nft_fib_can_skip), and firewalld drops it. Before nat (-100).
 */
const takingPriority = -120
const filterPriority = 0
const outputChain = 'output'
const refuseChain = 'refuse'
/** The bits that instances put on what they intercept. */
const interceptedMask = ~ownMask >>> 0

/** The table as it is at the beginning: nothing is intercepted yet. */
export function baseChanges(numbers: Numbers, ports: ListenerPorts): NftChange[] {
  return [
    ...Object.values(nftSets).flatMap((sets) => [addSet(sets[4]), addSet(sets[6])]),
    // Of type route: a packet that gets our mark is routed anew, and so comes to `lo` and through prerouting.
    addChain(outputChain, { type: 'route', hook: 'output', priority: manglePriority }),
    addChain(numbers.chain, { type: 'filter', hook: 'prerouting', priority: takingPriority }),
    addChain(refuseChain, { type: 'filter', hook: 'input', priority: filterPriority }),
    ...refusal(),
    ...chainRules(numbers, ports, { guardReplies: false }),
  ]
}

/**
 * Our routes bring a destination here with all its ports. To those that nobody intercepts the kernel itself has no answer: it sends
 * no reset from an IPv4 address that is not in the table `local` (ip_route_output_key, 6.18), so clients would wait for minutes.
 */
function refusal(): NftChange[] {
  return [
    addRule(refuseChain, [matchNot('meta l4proto', 'tcp'), leave()]),
    addRule(refuseChain, [matchNot('meta mark', { value: 0, mask: interceptedMask }), leave()], 'intercepted'),
    addRule(refuseChain, [match('meta mark', { value: ownMark, mask: ownMask }), leave()], 'traffic of tunnelers'),
    addRule(refuseChain, [match('socket transparent', true), leave()]),
    addRule(refuseChain, [match('meta nfproto', 'ipv4'), match('fib daddr type', 'unicast'), reject('reset')], 'not an address of this host'),
  ]
}

/** The rules again, in the same instant without the former ones. */
export function replaceRules(numbers: Numbers, ports: ListenerPorts, options: RuleOptions): NftChange[] {
  const { renewed = [] } = options
  return [
    flushChain(outputChain),
    flushChain(numbers.chain),
    ...renewed.flatMap((set) => [deleteSet(set), addSet(set)]),
    ...chainRules(numbers, ports, options),
  ]
}

export interface RuleOptions {
  /**
   * Somebody may have an address that is intercepted, and use a server of this host: the replies go to an intercepted
   * address and port. Connection tracking tells them from new flows; it is used only where that can be.
   */
  readonly guardReplies: boolean
  /** Sets that lose all their elements: deleted and made anew while no rule looks them up. */
  readonly renewed?: readonly NftSet[]
}

function chainRules(numbers: Numbers, ports: ListenerPorts, { guardReplies }: RuleOptions): NftChange[] {
  return [outputChain, numbers.chain].flatMap((chain) => [
    addRule(chain, [matchNot('meta l4proto', ['tcp', 'udp']), leave()]),
    addRule(chain, [match('meta mark', { value: ownMark, mask: ownMask }), leave()], 'traffic of tunnelers'),
    ...(chain === outputChain ? [] : [othersRule(chain)]),
    ...lingeringRules(chain, numbers, ports),
    ...(guardReplies ? [addRule(chain, [match('ct direction', 'reply'), leave()], 'replies of servers on this host')] : []),
    ...interceptRules(chain, numbers, ports),
  ])
}

/**
 * What another transparent proxy has given a socket of its own stays its own: a Go tunneler has its names in the same range, which a
 * wildcard of ours takes whole. Its rules come before (mangle), and it marks what they take: only for marked packets is a socket looked for.
 * Sockets on all addresses are anybody's, found by the port alone.
 */
function othersRule(chain: string): NftChange {
  const foreign = [match('socket transparent', true), match('socket wildcard', false), matchNot('socket mark', { value: ownMark, mask: ownMask })]
  return addRule(chain, [matchNot('meta mark', 0), ...foreign, leave()], 'of other transparent proxies')
}

function lingeringRules(chain: string, numbers: Numbers, ports: ListenerPorts): NftChange[] {
  return [
    addRule(chain, [inSet(nftSets.lingering[4], ['ip saddr', 'meta l4proto', 'th sport', 'ip daddr', 'th dport']), ...take(chain, 4, numbers, ports)]),
    addRule(chain, [inSet(nftSets.lingering[6], ['ip6 saddr', 'meta l4proto', 'th sport', 'ip6 daddr', 'th dport']), ...take(chain, 6, numbers, ports)]),
  ]
}

function interceptRules(chain: string, numbers: Numbers, ports: ListenerPorts): NftChange[] {
  const { exact, to, from } = nftSets
  return [
    addRule(chain, [inSet(exact[4], ['ip daddr', 'meta l4proto', 'th dport']), ...take(chain, 4, numbers, ports)]),
    addRule(chain, [inSet(exact[6], ['ip6 daddr', 'meta l4proto', 'th dport']), ...take(chain, 6, numbers, ports)]),
    addRule(chain, [inSet(to[4], ['ip daddr', 'meta l4proto', 'th dport']), ...take(chain, 4, numbers, ports)]),
    addRule(chain, [inSet(to[6], ['ip6 daddr', 'meta l4proto', 'th dport']), ...take(chain, 6, numbers, ports)]),
    addRule(chain, [inSet(from[4], ['ip daddr', 'meta l4proto', 'th dport', 'ip saddr']), ...take(chain, 4, numbers, ports)]),
    addRule(chain, [inSet(from[6], ['ip6 daddr', 'meta l4proto', 'th dport', 'ip6 saddr']), ...take(chain, 6, numbers, ports)]),
  ]
}

/** In output the mark does it all; where packets come in, our socket gets them too. */
function take(chain: string, family: 4 | 6, { mark }: Numbers, ports: ListenerPorts) {
  const marked = [setMark(mark, mark), accept()]
  if (chain === outputChain) return marked
  const port = family === 4 ? ports.v4 : ports.v6
  // Without a listener for the family its sets stay empty.
  return port === undefined ? [accept()] : [tproxy({ address: family === 4 ? '127.0.0.1' : '::1', port }), ...marked]
}
