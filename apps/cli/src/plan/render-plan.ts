import type { HostChange } from '@tunnel/flow'
import { escapeText } from '../log/escape.ts'

/** What `--plan` prints: each change in order, its undo below it, and what it consists of where that is text. */
export function renderPlan(changes: readonly HostChange[], notes: readonly string[] = []): string {
  const numbered = changes.map((change, index) => renderChange(change, String(index + 1).padStart(4)))
  const head = changes.length === 0 ? 'Nothing would be changed.' : `${changes.length} ${changes.length === 1 ? 'change' : 'changes'} would be made:`
  const remarks = notes.map((note) => `Note: ${escapeText(note)}\n`)
  return `${head}\n\n${numbered.join('')}${remarks.length > 0 ? `\n${remarks.join('')}` : ''}\nNothing was changed.\n`
}

/** What ends with something else that has an undo of its own. */
const ownEnd: Readonly<Record<string, string>> = {
  'iptables.intercept': 'with the chain that it is in',
  'resolved.set': 'by systemd-resolved, when the link is gone',
}

const indent = ' '.repeat(6)

function renderChange({ kind, summary, parameters, undo }: HostChange, number: string): string {
  const way = `undo: ${undo?.summary ?? ownEnd[kind] ?? 'by the kernel, when the process ends'}`
  const body = Object.values(parameters).filter((value) => typeof value === 'string' && value.includes('\n'))
  const texts = body.flatMap((text) => String(text).trimEnd().split('\n')).map((line) => `${indent}  | ${escapeText(line)}\n`)
  return `${number}  ${kind.padEnd(18)} ${escapeText(summary)}\n${texts.join('')}${indent}${escapeText(way)}\n`
}
