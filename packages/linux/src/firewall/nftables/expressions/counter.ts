import { writeExpression } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'

/** Counts the packets that have come so far in the rule. */
export interface Counter {
  readonly kind: 'counter'
}

export const counter = (): Counter => ({ kind: 'counter' })

export function writeCounter({ writer }: RuleWriter): void {
  writeExpression(writer, 'counter')
}
