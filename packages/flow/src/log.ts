export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * Where a package says what it does. `source` is `package/module.function`, in the way of the original's log lines
 * (`intercept/proxy.listen`). A function, so that a library user passes a one-liner, or nothing.
 */
export type Log = (level: LogLevel, source: string, message: string, fields?: LogFields) => void

export const silentLog: Log = () => {}
