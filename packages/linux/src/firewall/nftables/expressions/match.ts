import { firewallError } from '../../firewall-error.ts'
import { encodeOperand, isSingle, renderOperand, type FieldBytes, type FieldOperand, type FieldValues, type Range } from '../field.ts'
import { compareOperation } from '../kernel-numbers.ts'
import { hostWord } from '../message-writer.ts'
import { nftSet, type NftSet, type SetElement } from '../set.ts'
import { writeLookup } from './in-set.ts'
import { writeBitwise, writeCompare, writeWithin } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'
import { describeSelector, type Selector, type SelectorType } from './selector.ts'

export interface MaskedValue {
  readonly value: number
  readonly mask: number
}

/** Passes the packets of which a property has this value, is in this range or prefix, or is one of these values. */
export interface Match {
  readonly kind: 'match'
  readonly selector: Selector
  readonly operand: FieldOperand | MaskedValue | readonly FieldOperand[]
  readonly inverted: boolean
}

type SingleValue<S extends Selector> = FieldValues[SelectorType<S>] | Range<FieldValues[SelectorType<S>]>

export type MatchValue<S extends Selector> =
  | SingleValue<S>
  | readonly SingleValue<S>[]
  | (SelectorType<S> extends 'mark' ? MaskedValue : never)

/**
 * `match('meta l4proto', ['tcp', 'udp'])`, `match('ip daddr', '10.0.0.0/8')`, `match('th dport', { from: 1, to: 1024 })`,
 * `match('meta mark', { value: 0x1, mask: 0x1 })`, `match('meta iifname', 'eth*')`.
 */
export function match<S extends Selector>(selector: S, value: MatchValue<S>): Match {
  return matching(selector, value, false)
}

/** Passes the others. */
export function matchNot<S extends Selector>(selector: S, value: MatchValue<S>): Match {
  return matching(selector, value, true)
}

/** A list of one is that value, as in nft. */
function matching(selector: Selector, operand: Match['operand'], inverted: boolean): Match {
  if (!isList(operand)) return { kind: 'match', selector, operand, inverted }
  const [first, ...more] = operand
  if (first === undefined) throw firewallError('firewall.malformed', `A match of ${selector} with no value`)
  return { kind: 'match', selector, operand: more.length === 0 ? first : operand, inverted }
}

/** The set without a name that a list of values is; none for a single value. */
export function anonymousSetOf({ selector, operand }: Match): { set: NftSet; elements: readonly SetElement[] } | undefined {
  if (!isList(operand)) return undefined
  const { type } = describeSelector(selector)
  const interval = operand.some((value) => !isSingle(encodeOperand(type, value)))
  return { set: nftSet('__set%d', [type], { interval }), elements: operand.map((value): SetElement => [value]) }
}

export function writeMatch(rule: RuleWriter, expression: Match): void {
  const { selector, operand, inverted } = expression
  const { writer } = rule
  rule.requireFamily([selector])
  rule.load(selector)
  if (isList(operand)) {
    writeLookup(writer, { name: '__set%d', id: rule.nextAnonymousId(), inverted })
    return
  }
  const equal = inverted ? compareOperation.notEqual : compareOperation.equal
  if (isMasked(operand)) {
    writeBitwise(writer, hostWord(operand.mask), hostWord(0))
    writeCompare(writer, equal, hostWord(operand.value))
  } else if (typeof operand === 'string' && operand.endsWith('*') && describeSelector(selector).type === 'ifname') {
    writeCompare(writer, equal, interfacePrefix(operand))
  } else {
    writeOperand(rule, expression, operand)
  }
  if (selector === 'meta nfproto' && !inverted && (operand === 'ipv4' || operand === 'ipv6')) rule.familyMatched(operand)
}

function writeOperand({ writer }: RuleWriter, { selector, inverted }: Match, operand: FieldOperand): void {
  const { type } = describeSelector(selector)
  const bytes = encodeOperand(type, operand)
  const equal = inverted ? compareOperation.notEqual : compareOperation.equal
  if (isSingle(bytes)) {
    writeCompare(writer, equal, bytes.from)
  } else if (typeof operand === 'string') {
    writeBitwise(writer, networkMask(bytes), new Uint8Array(bytes.from.length))
    writeCompare(writer, equal, bytes.from)
  } else {
    writeWithin(writer, bytes, inverted)
  }
}

export function renderMatch({ selector, operand, inverted }: Match): string {
  const { type } = describeSelector(selector)
  const not = inverted ? '!= ' : ''
  if (isList(operand)) return `${selector} ${not}{ ${operand.map((value) => renderOperand(type, value)).join(', ')} }`
  if (!isMasked(operand)) return `${selector} ${not}${renderOperand(type, operand)}`
  return `${selector} & ${renderOperand('mark', operand.mask)} ${inverted ? '!=' : '=='} ${renderOperand('mark', operand.value)}`
}

function isList(operand: Match['operand']): operand is readonly FieldOperand[] {
  return Array.isArray(operand)
}

function isMasked(operand: Match['operand']): operand is MaskedValue {
  return typeof operand === 'object' && 'mask' in operand
}

/** The bits in which the ends of a prefix agree. */
function networkMask({ from, to }: FieldBytes): Uint8Array {
  return from.map((byte, index) => ~(byte ^ (to[index] ?? 0)) & 0xff)
}

/** Comparing fewer bytes than the register has is how nft matches `eth*`. */
function interfacePrefix(operand: string): Uint8Array {
  const prefix = operand.slice(0, -1)
  if (!/^[^\s"/*]{1,14}$/.test(prefix)) throw firewallError('firewall.malformed', `"${operand}" is no pattern of interface names`)
  return new TextEncoder().encode(prefix)
}
