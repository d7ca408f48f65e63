import { escapeJson } from './escape.ts'
import type { LogFormatter } from './record.ts'
import { severityNames, sortedFields } from './record.ts'

const reserved: ReadonlySet<string> = new Set(['time', 'level', 'msg', 'func'])

/** One object per line. A field that has the name of one of ours is kept under `fields.<name>`. */
export const jsonFormatter: LogFormatter = ({ time, severity, source, message, fields }) => {
  const line: Record<string, string | number | boolean> = {
    time: time.toISOString(),
    level: severityNames[severity],
    msg: message,
    func: source,
  }
  for (const [name, value] of sortedFields(fields)) line[reserved.has(name) ? `fields.${name}` : name] = value
  return escapeJson(JSON.stringify(line))
}
