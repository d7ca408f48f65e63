import type { LogFields } from '@tunnel/flow'
import { jsonFormatter } from './json.ts'
import type { LogSink } from './log-sink.ts'
import { prettyFormatter } from './pretty.ts'
import type { LogFormatter, Severity } from './record.ts'
import { textFormatter } from './text.ts'

export const logFormats = ['pretty', 'json', 'text'] as const
export type LogFormat = (typeof logFormats)[number]

/** A `Log` of the packages that knows one level more. */
export type ProgramLog = (severity: Severity, source: string, message: string, fields?: LogFields) => void

export interface LogOptions {
  readonly sink: LogSink
  /** Absent: `pretty` on a terminal, else `json`. */
  readonly format: LogFormat | undefined
  readonly debug: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
}

function chooseFormatter({ sink, format, environment }: LogOptions): LogFormatter {
  const terminal = sink.isTTY === true
  switch (format ?? (terminal ? 'pretty' : 'json')) {
    case 'json':
      return jsonFormatter
    case 'text':
      return textFormatter({ terminal })
    case 'pretty':
      return prettyFormatter({ colours: wantsColours(sink, environment) })
  }
}

/** https://no-color.org: any value that is not empty switches colours off. */
export function wantsColours(sink: LogSink, environment: LogOptions['environment']): boolean {
  return sink.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
}

export function createLog(options: LogOptions): ProgramLog {
  const format = chooseFormatter(options)
  return (severity, source, message, fields = {}) => {
    if (severity === 'debug' && !options.debug) return
    // `performance.now()` counts from the start of the process, which is what the original prints.
    const elapsedSeconds = performance.now() / 1000
    options.sink.write(`${format({ time: new Date(), elapsedSeconds, severity, source, message, fields })}\n`)
  }
}
