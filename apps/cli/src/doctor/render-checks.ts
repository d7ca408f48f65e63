import { escapeText } from '../log/escape.ts'
import type { Check } from './check.ts'

const colours: Readonly<Record<Check['state'], string>> = { ok: '32', warn: '33', fail: '31' }

/** One screen: a line per check, and what to do below those that are not well. */
export function renderChecks(checks: readonly Check[], options: { colours: boolean }): string {
  const columns = Math.max(...checks.map(({ name }) => name.length), 0) + 2
  const paint = (state: Check['state']): string => (options.colours ? `\u001b[${colours[state]}m${state.padEnd(4)}\u001b[0m` : state.padEnd(4))
  const lines = checks.map(({ name, state, detail, remedy }) => {
    const first = `${paint(state)}  ${escapeText(name).padEnd(columns)}${escapeText(detail)}\n`
    return remedy === undefined ? first : `${first}${' '.repeat(6 + columns)}-> ${escapeText(remedy)}\n`
  })
  return `${lines.join('')}\n${verdict(checks)}\n`
}

export function verdict(checks: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === 'fail').length
  const warned = checks.filter(({ state }) => state === 'warn').length
  if (failed > 0) return `${failed} of ${checks.length} checks failed: ziti-tunnel run will not work here until that is changed.`
  return warned > 0 ? `Ready, with ${warned} ${warned === 1 ? 'warning' : 'warnings'}.` : 'Ready.'
}
