import { firewallError } from '../../firewall-error.ts'
import { lookupAttribute, lookupFlag, register } from '../kernel-numbers.ts'
import type { MessageWriter } from '../message-writer.ts'
import { paddedBytes, type NftSet } from '../set.ts'
import { writeExpression } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'
import { describeSelector, type Selector } from './selector.ts'

/** Passes the packets whose properties, taken together, are an element of a set. */
export interface InSet {
  readonly kind: 'inSet'
  readonly set: NftSet
  readonly selectors: readonly Selector[]
  readonly inverted: boolean
}

/** `inSet(services, ['ip daddr', 'meta l4proto', 'th dport'])`: one selector for each field, of its type. */
export function inSet(set: NftSet, selectors: readonly Selector[]): InSet {
  return checked({ kind: 'inSet', set, selectors, inverted: false })
}

/** Passes the others. */
export function notInSet(set: NftSet, selectors: readonly Selector[]): InSet {
  return checked({ kind: 'inSet', set, selectors, inverted: true })
}

function checked(expression: InSet): InSet {
  const { set, selectors } = expression
  const types = selectors.map((selector) => describeSelector(selector).type)
  if (types.join() === set.fields.join()) return expression
  throw firewallError('firewall.malformed', `${selectors.join(' . ')} cannot be looked up in the set ${set.name} of ${set.fields.join(' . ')}`)
}

/** Each field has whole words of the registers for itself, in the order of the set's key. */
export function writeInSet(rule: RuleWriter, { set, selectors, inverted }: InSet): void {
  rule.requireFamily(selectors)
  let offset = 0
  for (const selector of selectors) {
    rule.load(selector, offset === 0 ? register.first : register.firstWord + offset / 4)
    offset += paddedBytes(describeSelector(selector).type)
  }
  writeLookup(rule.writer, { name: set.name, inverted })
}

export function renderInSet({ set, selectors, inverted }: InSet): string {
  return `${selectors.join(' . ')} ${inverted ? '!= ' : ''}@${set.name}`
}

/** A set made in the same transaction without a name of its own is known by its id. */
export function writeLookup(writer: MessageWriter, lookup: { name: string; id?: number | undefined; inverted: boolean }): void {
  writeExpression(writer, 'lookup', () => {
    writer.u32(lookupAttribute.register, register.first)
    writer.string(lookupAttribute.set, lookup.name)
    if (lookup.id !== undefined) writer.u32(lookupAttribute.setId, lookup.id)
    if (lookup.inverted) writer.u32(lookupAttribute.flags, lookupFlag.inverted)
  })
}
