import type { Milliseconds } from '@tunnel/flow'

const unitMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  // U+00B5 and U+03BC are both written for micro.
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

const wholeDuration = /^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/
const onePart = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g

/** Go's `time.ParseDuration` for spans that are not negative: `5s`, `1m30s`, `1.5h`, `500ms`, `0`. */
export function parseDuration(text: string): Milliseconds | undefined {
  if (text === '0') return 0
  // Go's own durations end at 290 years, written in far fewer characters than this.
  if (text.length > 64 || !wholeDuration.test(text)) return undefined
  let total = 0
  for (const [, count, unit = ''] of text.matchAll(onePart)) total += Number(count) * (unitMilliseconds[unit] ?? Number.NaN)
  return total
}
