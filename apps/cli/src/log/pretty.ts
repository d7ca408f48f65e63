import { escapeText } from './escape.ts'
import type { LogFormatter, Severity } from './record.ts'
import { severityNames, sortedFields } from './record.ts'

const reset = '\u001b[0m'
const dim = '\u001b[2m'
const cyan = '\u001b[36m'
const levelColours: Readonly<Record<Severity, string>> = {
  debug: '\u001b[34m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[1;31m',
}

/** The original's form for people: `[%8.3f] %7s package/module.function: {k=[v] k2=[v2]} message`. */
export function prettyFormatter(options: { colours: boolean }): LogFormatter {
  const paint = (colour: string, text: string): string => (options.colours ? `${colour}${text}${reset}` : text)
  return ({ elapsedSeconds, severity, source, message, fields }) => {
    const time = paint(dim, `[${elapsedSeconds.toFixed(3).padStart(8)}]`)
    const level = paint(levelColours[severity], severityNames[severity].toUpperCase().padStart(7))
    const pairs = sortedFields(fields).map(([name, value]) => `${escapeText(name)}=[${escapeText(String(value))}]`)
    const braces = pairs.length === 0 ? '' : `${paint(dim, `{${pairs.join(' ')}}`)} `
    return `${time} ${level} ${paint(cyan, escapeText(source))}: ${braces}${escapeText(message)}`
  }
}
