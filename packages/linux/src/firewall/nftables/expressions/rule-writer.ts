import { compareOperation, protocolFamily, register } from '../kernel-numbers.ts'
import type { MessageWriter } from '../message-writer.ts'
import { writeCompare } from './kernel-expression.ts'
import { describeSelector, type Selector } from './selector.ts'

/** What an expression is written with: where to, and what the rule has established so far. */
export class RuleWriter {
  readonly writer: MessageWriter
  readonly #anonymousIds: readonly number[]
  #family: 'ipv4' | 'ipv6' | undefined
  #anonymousUsed = 0

  constructor(writer: MessageWriter, anonymousIds: readonly number[]) {
    this.writer = writer
    this.#anonymousIds = anonymousIds
  }

  /** Loads into the first register, or into the word given, what the selector names. */
  load(selector: Selector, into: number = register.first): void {
    describeSelector(selector).load(this.writer, into)
  }

  /** Lets only packets of the family pass that the selectors read; once for each rule, as nft does. */
  requireFamily(selectors: readonly Selector[]): void {
    for (const selector of selectors) {
      const { family } = describeSelector(selector)
      if (!family || family === this.#family) continue
      this.load('meta nfproto')
      writeCompare(this.writer, compareOperation.equal, Uint8Array.of(protocolFamily[family]))
      this.#family = family
    }
  }

  /** The rule has matched the family itself. */
  familyMatched(family: 'ipv4' | 'ipv6'): void {
    this.#family = family
  }

  /** Sets without a name go out before the rule that uses them, in the order of their use. */
  nextAnonymousId(): number | undefined {
    this.#anonymousUsed += 1
    return this.#anonymousIds[this.#anonymousUsed - 1]
  }
}
