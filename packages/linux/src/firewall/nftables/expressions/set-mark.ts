import { renderOperand } from '../field.ts'
import { metaAttribute, metaKey, register } from '../kernel-numbers.ts'
import { hostWord } from '../message-writer.ts'
import { writeBitwise, writeExpression, writeImmediate } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'

/** Puts `value` in the bits of `mask` of the packet's mark; the other bits stay. */
export interface SetMark {
  readonly kind: 'setMark'
  readonly value: number
  readonly mask: number
}

/** Without a mask the whole mark is replaced. In an output chain of type `route` a new mark makes the kernel route anew. */
export function setMark(value: number, mask = 0xffffffff): SetMark {
  return { kind: 'setMark', value, mask }
}

export function writeSetMark(rule: RuleWriter, { value, mask }: SetMark): void {
  const { writer } = rule
  if (isWhole(mask)) {
    writeImmediate(writer, register.first, hostWord(value))
  } else {
    rule.load('meta mark')
    writeBitwise(writer, hostWord(~mask), hostWord(value))
  }
  writeExpression(writer, 'meta', () => {
    writer.u32(metaAttribute.key, metaKey.mark)
    writer.u32(metaAttribute.source, register.first)
  })
}

export function renderSetMark({ value, mask }: SetMark): string {
  if (isWhole(mask)) return `meta mark set ${renderOperand('mark', value)}`
  return `meta mark set meta mark & ${renderOperand('mark', ~mask >>> 0)} ^ ${renderOperand('mark', value)}`
}

function isWhole(mask: number): boolean {
  return mask >>> 0 === 0xffffffff
}
