import fc from 'fast-check'
import { addChain, addRule, type NftChange } from '../nftables/change.ts'
import { counter } from '../nftables/expressions/counter.ts'
import type { Expression } from '../nftables/expressions/expression.ts'
import { match, matchNot } from '../nftables/expressions/match.ts'
import { setMark } from '../nftables/expressions/set-mark.ts'
import { accept, drop, leave } from '../nftables/expressions/verdict.ts'

const port = fc.nat(65_535)
const word = fc.nat(0xffffffff)
const sorted = <T>(values: fc.Arbitrary<T>, compare: (left: T, right: T) => number) =>
  fc.uniqueArray(values, { minLength: 2, maxLength: 2 }).map((pair) => {
    const [from, to] = pair.sort(compare) as [T, T]
    return { from, to }
  })
const ports = fc.oneof(port, sorted(port, (left, right) => left - right), fc.uniqueArray(port, { minLength: 1, maxLength: 9 }))
const prefixOf = (address: fc.Arbitrary<string>, bits: number) => fc.tuple(address, fc.integer({ min: 1, max: bits })).map(([text, length]) => `${text}/${length}`)
const addressOf = (address: fc.Arbitrary<string>, bits: number) => fc.oneof(address, prefixOf(address, bits))
const addresses4 = addressOf(fc.ipV4(), 32)
const addresses6 = addressOf(fc.ipV6(), 128)
const masked = fc.tuple(word, fc.integer({ min: 1, max: 0xfffffffe })).map(([value, mask]) => ({ value: (value & mask) >>> 0, mask }))
const either = fc.constantFrom(match, matchNot) as fc.Arbitrary<typeof match>
const with2 = <T>(value: fc.Arbitrary<T>, make: (how: typeof match, value: T) => Expression) => fc.tuple(either, value).map(([how, each]) => make(how, each))

const anyFamily = [
  with2(ports, (how, value) => how('th sport', value)),
  with2(ports, (how, value) => how('th dport', value)),
  with2(fc.oneof(word, masked), (how, value) => how('meta mark', value)),
  with2(fc.constantFrom('eth0', 'wlp3s0', 'br-*'), (how, value) => how('meta iifname', value)),
  with2(fc.constantFrom('local', 'unicast', 'broadcast' as const), (how, value) => how('fib daddr type', value)),
  with2(fc.boolean(), (how, value) => how('socket transparent', value)),
  masked.map(({ value, mask }) => setMark(value, mask)),
  word.map((value) => setMark(value)),
  fc.constant(counter()),
]
const v4 = [with2(addresses4, (how, value) => how('ip saddr', value)), with2(addresses4, (how, value) => how('ip daddr', value))]
const v6 = [with2(addresses6, (how, value) => how('ip6 saddr', value)), with2(addresses6, (how, value) => how('ip6 daddr', value))]
const verdict = fc.constantFrom(accept(), drop(), leave())
const rule = fc.tuple(fc.constantFrom(v4, v6), fc.constantFrom('tcp', 'udp' as const)).chain(([family, protocol]) =>
  fc
    .tuple(fc.array(fc.oneof(...anyFamily, ...family), { maxLength: 4 }), verdict)
    .map(([parts, end]) => addRule('prerouting', [match('meta l4proto', protocol), ...parts, end])),
)

/** As many rules as wanted, the same for a seed. */
export function randomRuleset(seed: number, count: number): readonly NftChange[] {
  return [addChain('prerouting', { type: 'filter', hook: 'prerouting', priority: -150 }), ...fc.sample(rule, { seed, numRuns: count })]
}
