import type { LogFields, LogLevel } from '@tunnel/flow'

/** `fatal` is the program's own: the line after which it ends with exit code 1. */
export type Severity = LogLevel | 'fatal'

/** One thing that was said, before it has a form. */
export interface LogRecord {
  /** Wall clock. */
  readonly time: Date
  /** Seconds since the program started. */
  readonly elapsedSeconds: number
  readonly severity: Severity
  /** `package/module.function`. */
  readonly source: string
  readonly message: string
  readonly fields: LogFields
}

/** The form of one record, without the line end. */
export type LogFormatter = (record: LogRecord) => string

/** Level names as the original prints them: the seven columns of a level are the length of `WARNING`. */
export const severityNames: Readonly<Record<Severity, string>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
  fatal: 'fatal',
}

/** Fields that have a value, by name. */
export function sortedFields(fields: LogFields): [name: string, value: string | number | boolean][] {
  const present: [string, string | number | boolean][] = []
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) present.push([name, value])
  return present.sort(([left], [right]) => (left < right ? -1 : 1))
}
