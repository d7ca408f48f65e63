import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.ts'
import type { ChainHook, NftChange } from './change.ts'
import { encodeComment, printableComment } from './comment.ts'
import { writeRuleExpression } from './expressions/expression.ts'
import { anonymousSetOf } from './expressions/match.ts'
import { RuleWriter } from './expressions/rule-writer.ts'
import { chainAttribute, hookAttribute, hookNumber, nftMessage, ruleAttribute, tableAttribute, tableFlag, verdictCode } from './kernel-numbers.ts'
import type { TransactionWriter } from './transaction-writer.ts'
import { writeElements, writeFlushSet, writeNewSet, writeSetName } from './write-set.ts'

/** In a deletion: refuse what still has something in it. */
const NLM_F_NONREC = 0x100

/** A table that belongs to the socket that sends this. EXCL: one that is there already is somebody else's. */
export function writeOwnerTable(out: TransactionWriter): void {
  out.step(nftMessage.newTable, NLM_F_CREATE | NLM_F_EXCL, () => {
    out.writer.string(tableAttribute.name, out.table)
    out.writer.u32(tableAttribute.flags, tableFlag.owner)
  })
}

export function writeChange(out: TransactionWriter, change: NftChange): void {
  switch (change.change) {
    case 'addChain': return writeNewChain(out, change.chain, change.hook)
    case 'deleteChain': return out.step(nftMessage.delChain, 0, () => writeChainName(out, change.chain))
    case 'flushChain': return out.step(nftMessage.delRule, 0, () => writeRuleChain(out, change.chain))
    case 'addRule': return writeNewRule(out, change)
    case 'deleteRule': return writeDeleteRule(out, change.chain, change.handle)
    case 'addSet':
      writeNewSet(out, change.set)
      return
    case 'deleteSet': return out.step(nftMessage.delSet, 0, () => writeSetName(out, change.set.name))
    case 'flushSet': return writeFlushSet(out, change.set)
    case 'addElements': return writeElements(out, nftMessage.newElements, change)
    case 'deleteElements': return writeElements(out, nftMessage.delElements, change)
  }
}

/** Deletes a table with these chains, if there is no rule in them and nothing else in it. */
export function writeDeleteEmptyTable(out: TransactionWriter, chains: readonly string[]): void {
  for (const chain of chains) out.step(nftMessage.delChain, NLM_F_NONREC, () => writeChainName(out, chain))
  out.step(nftMessage.delTable, NLM_F_NONREC, () => out.writer.string(tableAttribute.name, out.table))
}

function writeChainName({ writer, table }: TransactionWriter, chain: string): void {
  writer.string(chainAttribute.table, table)
  writer.string(chainAttribute.name, chain)
}

function writeNewChain(out: TransactionWriter, chain: string, hook: ChainHook | undefined): void {
  const { writer } = out
  out.step(nftMessage.newChain, NLM_F_CREATE | NLM_F_EXCL, () => {
    writeChainName(out, chain)
    if (!hook) return
    writer.nest(chainAttribute.hook, () => {
      writer.u32(hookAttribute.number, hookNumber[hook.hook])
      writer.u32(hookAttribute.priority, hook.priority)
    })
    writer.string(chainAttribute.type, hook.type)
    writer.u32(chainAttribute.policy, verdictCode[hook.policy ?? 'accept'])
  })
}

function writeRuleChain({ writer, table }: TransactionWriter, chain: string): void {
  writer.string(ruleAttribute.table, table)
  writer.string(ruleAttribute.chain, chain)
}

function writeNewRule(out: TransactionWriter, change: Extract<NftChange, { change: 'addRule' }>): void {
  const { writer } = out
  const anonymousIds = change.expressions.flatMap((expression) => {
    const anonymous = expression.kind === 'match' ? anonymousSetOf(expression) : undefined
    return anonymous ? [writeNewSet(out, anonymous.set, anonymous.elements)] : []
  })
  out.step(nftMessage.newRule, NLM_F_CREATE | NLM_F_APPEND, () => {
    writeRuleChain(out, change.chain)
    writer.nest(ruleAttribute.expressions, () => {
      const rule = new RuleWriter(writer, anonymousIds)
      for (const expression of change.expressions) writeRuleExpression(rule, expression)
    })
    const comment = printableComment(change.comment ?? '')
    if (comment !== '') writer.bytes(ruleAttribute.userdata, encodeComment(comment))
  })
}

function writeDeleteRule(out: TransactionWriter, chain: string, handle: bigint): void {
  out.step(nftMessage.delRule, 0, () => {
    writeRuleChain(out, chain)
    out.writer.u64(ruleAttribute.handle, handle)
  })
}
