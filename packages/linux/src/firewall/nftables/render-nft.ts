import { renderRule, type ChainHook, type NftChange } from './change.ts'
import { renderElement, type NftSet } from './set.ts'

export interface RenderOptions {
  readonly table: string
  /** Makes the table first. nft drops an owned one at its own exit: `plain` is for trying the text out. */
  readonly create?: 'owned' | 'plain'
}

/** The changes as commands of nft, one a line, as `nft -f` takes them: what a plan prints. */
export function renderNft(changes: readonly NftChange[], { table, create }: RenderOptions): string {
  const lines = changes.map((change) => renderChange(change, `inet ${table}`))
  if (create) lines.unshift(`add table inet ${table}${create === 'owned' ? ' { flags owner; }' : ''}`)
  return lines.map((line) => `${line}\n`).join('')
}

function renderChange(change: NftChange, table: string): string {
  switch (change.change) {
    case 'addChain': return `add chain ${table} ${change.chain}${renderHook(change.hook)}`
    case 'flushChain': return `flush chain ${table} ${change.chain}`
    case 'deleteChain': return `delete chain ${table} ${change.chain}`
    case 'addRule': return `add rule ${table} ${change.chain} ${renderRule(change.expressions, change.comment)}`
    case 'deleteRule': return `delete rule ${table} ${change.chain} handle ${change.handle}`
    case 'addSet': return `add set ${table} ${change.set.name} ${renderSet(change.set)}`
    case 'flushSet': return `flush set ${table} ${change.set.name}`
    case 'deleteSet': return `delete set ${table} ${change.set.name}`
    case 'addElements':
    case 'deleteElements': {
      const elements = change.elements.map((element) => renderElement(change.set, element)).join(', ')
      return `${change.change === 'addElements' ? 'add' : 'delete'} element ${table} ${change.set.name} { ${elements} }`
    }
  }
}

function renderHook(hook: ChainHook | undefined): string {
  if (!hook) return ''
  return ` { type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy ${hook.policy ?? 'accept'}; }`
}

function renderSet({ fields, interval }: NftSet): string {
  return `{ type ${fields.join(' . ')};${interval ? ' flags interval;' : ''} }`
}
