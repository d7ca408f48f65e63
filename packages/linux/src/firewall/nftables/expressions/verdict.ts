import { dataAttribute, immediateAttribute, register, verdictAttribute, verdictCode } from '../kernel-numbers.ts'
import { writeExpression } from './kernel-expression.ts'
import type { RuleWriter } from './rule-writer.ts'

/** What becomes of the packet. The last expression of a rule. */
export interface Verdict {
  readonly kind: 'verdict'
  readonly verdict: keyof typeof verdictCode
  /** Of `jump` and `goto`. */
  readonly chain?: string
}

/** Ends this base chain; base chains of other tables and later ones still see the packet. */
export const accept = (): Verdict => ({ kind: 'verdict', verdict: 'accept' })
export const drop = (): Verdict => ({ kind: 'verdict', verdict: 'drop' })
/** Back to the calling chain; at the end of a base chain its policy decides. */
export const leave = (): Verdict => ({ kind: 'verdict', verdict: 'return' })
export const jump = (chain: string): Verdict => ({ kind: 'verdict', verdict: 'jump', chain })
/** As `jump`, without coming back. */
export const goTo = (chain: string): Verdict => ({ kind: 'verdict', verdict: 'goto', chain })

export function writeVerdict({ writer }: RuleWriter, { verdict, chain }: Verdict): void {
  writeExpression(writer, 'immediate', () => {
    writer.u32(immediateAttribute.register, register.verdict)
    writer.nest(immediateAttribute.data, () =>
      writer.nest(dataAttribute.verdict, () => {
        writer.u32(verdictAttribute.code, verdictCode[verdict])
        if (chain !== undefined) writer.string(verdictAttribute.chain, chain)
      }),
    )
  })
}

export function renderVerdict({ verdict, chain }: Verdict): string {
  return chain === undefined ? verdict : `${verdict} ${chain}`
}
