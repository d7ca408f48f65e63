import { addChain, addElements, addRule, addSet, type NftChange } from '../nftables/change.ts'
import { counter } from '../nftables/expressions/counter.ts'
import { inSet, notInSet } from '../nftables/expressions/in-set.ts'
import { match, matchNot } from '../nftables/expressions/match.ts'
import { reject } from '../nftables/expressions/reject.ts'
import { setMark } from '../nftables/expressions/set-mark.ts'
import { tproxy } from '../nftables/expressions/tproxy.ts'
import { accept, drop, goTo, jump, leave } from '../nftables/expressions/verdict.ts'
import { nftSet } from '../nftables/set.ts'

export const services4 = nftSet('services4', ['ipv4_addr', 'inet_proto', 'inet_service'], { interval: true })
const services6 = nftSet('services6', ['ipv6_addr', 'inet_proto', 'inet_service'], { interval: true })
const from4 = nftSet('from4', ['ipv4_addr', 'ipv4_addr', 'inet_proto', 'inet_service'], { interval: true })
const from6 = nftSet('from6', ['ipv6_addr', 'ipv6_addr', 'inet_proto', 'inet_service'], { interval: true })
const ranges4 = nftSet('ranges4', ['ipv4_addr'], { interval: true })
const ports = nftSet('ports', ['inet_service'])
const pairs = nftSet('pairs', ['ipv4_addr', 'inet_service'])
const marks = nftSet('marks', ['mark'])
const links = nftSet('links', ['ifname'])

const sets: readonly NftChange[] = [
  addSet(services4),
  addElements(services4, [
    ['10.0.0.0/8', 'tcp', { from: 1, to: 100 }],
    [{ from: '192.0.2.4', to: '192.0.2.9' }, 'udp', 53],
    ['0.0.0.0/1', 'tcp', 443],
    ['198.51.100.7', { from: 'tcp', to: 'udp' }, { from: 0, to: 65535 }],
  ]),
  addSet(services6),
  addElements(services6, [['2001:db8::/32', 'tcp', { from: 80, to: 443 }], [{ from: '::1', to: '::1:0:5' }, 'udp', 53]]),
  addSet(from4),
  addElements(from4, [['192.168.0.0/16', '10.1.0.0/16', 'tcp', 22]]),
  addSet(from6),
  addElements(from6, [['fd00::/8', '2001:db8:1::/48', 'udp', { from: 1, to: 65535 }]]),
  addSet(ranges4),
  addElements(ranges4, ['10.0.0.0/8', { from: '192.0.2.4', to: '192.0.2.9' }, '255.255.255.0/24'].map((range) => [range] as const)),
  addSet(ports),
  addElements(ports, [[22], [443]]),
  addSet(pairs),
  addElements(pairs, [['192.0.2.1', 22]]),
  addSet(marks),
  addElements(marks, [[0x1], [0x7a690000]]),
  addSet(links),
  addElements(links, [['eth0'], ['br-lan.7']]),
]

const chains: readonly NftChange[] = [
  addChain('helper'),
  addChain('prerouting', { type: 'filter', hook: 'prerouting', priority: -150 }),
  addChain('input', { type: 'filter', hook: 'input', priority: 0, policy: 'drop' }),
  addChain('forward', { type: 'filter', hook: 'forward', priority: -300 }),
  addChain('output', { type: 'route', hook: 'output', priority: -150 }),
  addChain('postrouting', { type: 'filter', hook: 'postrouting', priority: 7 }),
]

const rules: readonly NftChange[] = [
  addRule('prerouting', [match('meta mark', { value: 0x7a690000, mask: 0xffff0000 }), leave()], 'our own "packets" – stay\nout'),
  addRule('prerouting', [match('meta l4proto', 'tcp'), match('socket transparent', true), setMark(0x1, 0x1), accept()]),
  addRule('prerouting', [match('fib daddr type', 'local'), leave()], ''),
  addRule('prerouting', [
    match('meta l4proto', ['tcp', 'udp']),
    inSet(services4, ['ip daddr', 'meta l4proto', 'th dport']),
    counter(),
    setMark(0x1, 0x1),
    tproxy({ address: '127.0.0.1', port: 33641 }),
    accept(),
  ]),
  addRule('prerouting', [
    match('meta l4proto', 'udp'),
    inSet(services6, ['ip6 daddr', 'meta l4proto', 'th dport']),
    setMark(0x10001, 0xffffffff),
    tproxy({ address: '::1', port: 33641 }),
    accept(),
  ]),
  addRule('prerouting', [match('meta l4proto', 'tcp'), inSet(from4, ['ip saddr', 'ip daddr', 'meta l4proto', 'th dport']), goTo('helper')]),
  addRule('prerouting', [match('meta l4proto', 'tcp'), inSet(from6, ['ip6 saddr', 'ip6 daddr', 'meta l4proto', 'th dport']), drop()]),
  addRule('input', [match('meta iifname', 'eth0'), match('ip saddr', '192.0.2.1'), match('ip daddr', '192.0.2.2'), accept()]),
  addRule('input', [match('meta iifname', 'eth*'), matchNot('ip6 saddr', 'fe80::/61'), matchNot('ip6 daddr', '::1'), accept()]),
  addRule('input', [match('meta nfproto', 'ipv4'), notInSet(ranges4, ['ip saddr']), counter()]),
  addRule('input', [match('meta l4proto', 'tcp'), inSet(ports, ['th dport']), reject('reset')]),
  addRule('input', [match('meta l4proto', 'tcp'), inSet(pairs, ['ip saddr', 'th sport']), reject('port-unreachable')]),
  addRule('forward', [inSet(marks, ['meta mark']), inSet(links, ['meta oifname']), reject('prohibited')]),
  addRule('forward', [match('ip daddr', { from: '10.0.0.3', to: '10.0.0.7' }), matchNot('ip saddr', { from: '10.0.0.3', to: '10.0.0.7' }), drop()]),
  addRule('output', [match('ct direction', 'reply'), leave()]),
  addRule('output', [match('meta l4proto', 'tcp'), match('th dport', [22, { from: 80, to: 443 }]), jump('helper')]),
  addRule('output', [match('socket mark', { value: 1, mask: 1 }), match('socket wildcard', false), match('meta mark', 7), accept()]),
  addRule('postrouting', [match('fib saddr type', ['local', 'broadcast']), match('meta l4proto', ['tcp', 'udp', 'icmp']), accept()]),
  addRule('helper', [match('meta l4proto', 'tcp'), match('th sport', { from: 1024, to: 65535 }), setMark(0, 0xff)]),
]

/** Something of everything that can be said. */
export const exampleRuleset: readonly NftChange[] = [...sets, ...chains, ...rules]
