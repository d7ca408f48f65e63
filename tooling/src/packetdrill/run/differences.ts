import type { ScriptSegment, ScriptTcpOption } from '../script.ts'
import { optionWords } from './segment-words.ts'

/** How far a TSval may be from the script's, in its ticks; undefined if it is but a name. */
export type StampTolerance = number | undefined

/** In what `seen` is not what the script expects, in words; empty if it is. */
export function differences(expected: ScriptSegment, seen: ScriptSegment, tolerance: StampTolerance): string[] {
  const found: string[] = []
  const differ = (name: string, left: unknown, right: unknown): void => {
    if (left !== right) found.push(name)
  }
  differ('flags', sorted(expected.flags), sorted(seen.flags))
  differ('seq', expected.seq, seen.seq)
  differ('length', expected.length, seen.length)
  if (expected.flags.includes('.')) differ('ack', expected.ack ?? 0, seen.ack)
  if (expected.window !== undefined) differ('win', expected.window, seen.window)
  differ('urg', expected.urgent ?? 0, seen.urgent ?? 0)
  if (expected.options !== 'any' && !sameOptions(expected.options, seen.options === 'any' ? [] : seen.options, tolerance)) found.push('options')
  return found
}

function sorted(flags: string): string {
  return [...flags].sort().join('')
}

/** NOPs and the order of options are a matter of alignment: not compared. */
function sameOptions(expected: readonly ScriptTcpOption[], seen: readonly ScriptTcpOption[], tolerance: StampTolerance): boolean {
  const key = (option: ScriptTcpOption): string => (option.kind === 'TS' ? `TS ecr ${option.echo}` : optionWords(option))
  const keys = (options: readonly ScriptTcpOption[]): string =>
    options
      .filter(({ kind }) => kind !== 'nop' && kind !== 'eol')
      .map(key)
      .sort()
      .join()
  if (keys(expected) !== keys(seen)) return false
  const [left, right] = [expected, seen].map((options) => options.find((option) => option.kind === 'TS'))
  return tolerance === undefined || !left || !right || Math.abs((left.value - right.value) | 0) <= tolerance
}
