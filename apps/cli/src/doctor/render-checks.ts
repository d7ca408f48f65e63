import { escapeText } from '../log/escape.ts'
import { wrapText } from '../log/wrap.ts'
import type { Check } from './check.ts'

const colours: Readonly<Record<Check['state'], string>> = { ok: '32', warn: '33', fail: '31' }

/** One screen: a line per check, and what to do below those that are not well. `width` is that of the terminal. */
export function renderChecks(checks: readonly Check[], options: { colours: boolean; width?: number }): string {
  const columns = Math.max(...checks.map(({ name }) => name.length), 0) + 2
  const indent = stateColumns + columns
  const paint = (state: Check['state']): string => (options.colours ? `\u001b[${colours[state]}m${state.padEnd(4)}\u001b[0m` : state.padEnd(4))
  const wrapped = (text: string, hanging: number): string =>
    wrapText(escapeText(text), options.width && options.width - indent - hanging).join(`\n${' '.repeat(indent + hanging)}`)
  const lines = checks.map(({ name, state, detail, remedy }) => {
    const first = `${paint(state)}  ${escapeText(name).padEnd(columns)}${wrapped(detail, 0)}\n`
    return remedy === undefined ? first : `${first}${' '.repeat(indent)}-> ${wrapped(remedy, 3)}\n`
  })
  return `${lines.join('')}\n${verdict(checks)}\n`
}

/** `fail` and two spaces. */
const stateColumns = 6

export function verdict(checks: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === 'fail')
  const warned = checks.filter(({ state }) => state === 'warn').length
  if (failed.length > 0) {
    const without = failed.every(({ name }) => name.startsWith('CAP_')) ? withoutPrivilege(checks) : ''
    return `${failed.length} of ${checks.length} checks failed: ziti-tunnel run will not work here until that is changed${without}.`
  }
  return warned > 0 ? `Ready, with ${warned} ${warned === 1 ? 'warning' : 'warnings'}.` : 'Ready.'
}

function withoutPrivilege(checks: readonly Check[]): string {
  const forExec = checks.filter(({ name, state }) => state === 'ok' && (name === 'user namespaces' || name === '/dev/net/tun'))
  return forExec.length === 2 ? '; exec and proxy will, without root' : '; proxy will, without root'
}
