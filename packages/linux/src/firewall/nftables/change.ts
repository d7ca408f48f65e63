import type { FieldType } from './field.ts'
import { renderExpression, type Expression } from './expressions/expression.ts'
import type { hookNumber } from './kernel-numbers.ts'
import { renderElement, type NftSet, type SetElement } from './set.ts'
import { printableComment } from './comment.ts'

/** Where the kernel calls a chain. Smaller priorities come first: -300 raw, -150 mangle, 0 filter. */
export interface ChainHook {
  /** `route`: in the output hook only; a packet whose mark was changed is routed anew. */
  readonly type: 'filter' | 'route'
  readonly hook: keyof typeof hookNumber
  readonly priority: number
  /** What happens to packets that come to its end; `accept` when left out. */
  readonly policy?: 'accept' | 'drop'
}

/** One step of a transaction on a table, as a value: it can be encoded, printed, kept. */
export type NftChange =
  | { readonly change: 'addChain'; readonly chain: string; readonly hook?: ChainHook }
  | { readonly change: 'addRule'; readonly chain: string; readonly expressions: readonly Expression[]; readonly comment?: string }
  | { readonly change: 'deleteRule'; readonly chain: string; readonly handle: bigint }
  | { readonly change: 'flushChain' | 'deleteChain'; readonly chain: string }
  | { readonly change: 'addSet' | 'flushSet' | 'deleteSet'; readonly set: NftSet }
  | { readonly change: 'addElements' | 'deleteElements'; readonly set: NftSet; readonly elements: readonly SetElement[] }

/** Without a hook it runs only when a rule jumps to it. */
export function addChain(chain: string, hook?: ChainHook): NftChange {
  return { change: 'addChain', chain, ...(hook && { hook }) }
}

/** At the end of the chain. The comment is shown by nft; any text will do, it is cut to 128 bytes. */
export function addRule(chain: string, expressions: readonly Expression[], comment?: string): NftChange {
  return { change: 'addRule', chain, expressions, ...(comment !== undefined && { comment }) }
}

/** By the handle that `OwnerTable.read` tells. */
export const deleteRule = (chain: string, handle: bigint): NftChange => ({ change: 'deleteRule', chain, handle })
/** Removes all its rules; with rules added behind it in the same transaction no packet meets an empty chain. */
export const flushChain = (chain: string): NftChange => ({ change: 'flushChain', chain })
/** No rule may jump to it any more. */
export const deleteChain = (chain: string): NftChange => ({ change: 'deleteChain', chain })

export const addSet = (set: NftSet): NftChange => ({ change: 'addSet', set })
/** Empties it; of a large set of tuples with intervals see `deleteElements`. */
export const flushSet = (set: NftSet): NftChange => ({ change: 'flushSet', set })
/** No rule may look it up any more. */
export const deleteSet = (set: NftSet): NftChange => ({ change: 'deleteSet', set })

/** What is there already stays; a range that overlaps another one in part is refused. */
export function addElements<Fields extends readonly FieldType[]>(
  set: NftSet<Fields>,
  elements: readonly SetElement<Fields>[],
): NftChange {
  return { change: 'addElements', set, elements }
}

/**
 * Exactly as they were added; one that is not there makes the kernel refuse the transaction. In a set of tuples with
 * intervals the kernel takes up to 4 ms for each of 10,000: to remove many, or all, delete the set with the rules that
 * look it up and make it anew, in one transaction (130 ms).
 */
export function deleteElements<Fields extends readonly FieldType[]>(
  set: NftSet<Fields>,
  elements: readonly SetElement<Fields>[],
): NftChange {
  return { change: 'deleteElements', set, elements }
}

/** One line for people: what the change would do, without the table's name. */
export function summarizeChange(change: NftChange): string {
  switch (change.change) {
    case 'addElements':
    case 'deleteElements': {
      const [first] = change.elements
      const more = change.elements.length > 1 ? ` and ${change.elements.length - 1} more` : ''
      const verb = change.change === 'addElements' ? 'add' : 'delete'
      return `${verb} ${first ? renderElement(change.set, first) : 'nothing'}${more} in set ${change.set.name}`
    }
    case 'addRule':
      return `add rule to ${change.chain}: ${renderRule(change.expressions, change.comment)}`
    case 'deleteRule':
      return `delete rule ${change.handle} of ${change.chain}`
    case 'addSet':
    case 'flushSet':
    case 'deleteSet':
      return `${change.change.replace('Set', ' set')} ${change.set.name}`
    case 'addChain':
    case 'flushChain':
    case 'deleteChain':
      return `${change.change.replace('Chain', ' chain')} ${change.chain}`
  }
}

export function renderRule(expressions: readonly Expression[], comment?: string): string {
  const words = expressions.map((expression) => renderExpression(expression))
  const printable = comment === undefined ? '' : printableComment(comment)
  if (printable !== '') words.push(`comment "${printable}"`)
  return words.join(' ')
}
