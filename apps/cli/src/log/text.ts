import { escapeText } from './escape.ts'
import type { LogFormatter, LogRecord } from './record.ts'
import { severityNames, sortedFields } from './record.ts'

const bareValue = /^[A-Za-z0-9\-._/@^+:]+$/

function quoted(value: string | number | boolean): string {
  const text = String(value)
  return bareValue.test(text) ? text : `"${escapeText(text).replaceAll('"', '\\"')}"`
}

function compactLine({ elapsedSeconds, severity, message, fields }: LogRecord): string {
  const level = severityNames[severity].toUpperCase().slice(0, 4)
  const seconds = String(Math.floor(elapsedSeconds)).padStart(4, '0')
  const pairs = sortedFields(fields).map(([name, value]) => `${escapeText(name)}=${quoted(value)}`)
  return `${level}[${seconds}] ${escapeText(message).padEnd(44)} ${pairs.join(' ')}`
}

function pairsLine({ time, severity, source, message, fields }: LogRecord): string {
  const pairs = sortedFields(fields).map(([name, value]) => ` ${escapeText(name)}=${quoted(value)}`)
  return `time="${time.toISOString()}" level=${severityNames[severity]} msg=${quoted(message)} func=${quoted(source)}${pairs.join('')}`
}

/** Both forms of the text formatter that the original used: `INFO[0002] message` on a terminal, `k=v` elsewhere. */
export function textFormatter(options: { terminal: boolean }): LogFormatter {
  return options.terminal ? compactLine : pairsLine
}
