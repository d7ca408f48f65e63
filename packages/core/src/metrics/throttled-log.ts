import type { Clock, Log, LogFields, LogLevel, Milliseconds } from '@tunnel/flow'

/** Lines of the same `key` are written at most once per interval; the next one says how many were left out. */
export type ThrottledLog = (key: string, level: LogLevel, source: string, message: string, fields?: LogFields) => void

interface Throttle {
  nextAt: Milliseconds
  suppressed: number
}

// Keys hold service names; a network whose services come and go for weeks must not fill the memory.
const MAX_KEYS = 1_000

/** A server that is down fails a thousand connections a second: the log says so once a second, with the number. */
export function createThrottledLog(log: Log, clock: Clock, interval: Milliseconds = 1_000): ThrottledLog {
  const throttles = new Map<string, Throttle>()
  return (key, level, source, message, fields = {}) => {
    const now = clock.now()
    const throttle = throttles.get(key)
    if (throttle && now < throttle.nextAt) {
      throttle.suppressed += 1
      return
    }
    if (!throttle && throttles.size >= MAX_KEYS) throttles.clear()
    throttles.set(key, { nextAt: now + interval, suppressed: 0 })
    log(level, source, message, throttle?.suppressed ? { ...fields, alike: throttle.suppressed } : fields)
  }
}
