/** All whole numbers from `low` to `high`, both included. */
export interface Interval {
  readonly low: number
  readonly high: number
}

/** Sorted, apart from each other, none touching the next: the one way to write a set of numbers. */
export type Intervals = readonly Interval[]

export function unite(intervals: Iterable<Interval>): Intervals {
  const sorted = [...intervals].sort((a, b) => a.low - b.low)
  const united: { low: number; high: number }[] = []
  for (const { low, high } of sorted) {
    const last = united.at(-1)
    if (last && low <= last.high + 1) last.high = Math.max(last.high, high)
    else united.push({ low, high })
  }
  return united
}

/** What of `intervals` is not in `others`. Costs a binary search in `others` for each, so `others` may be long. */
export function subtract(intervals: Intervals, others: Intervals): Intervals {
  if (others.length === 0) return intervals
  const left: Interval[] = []
  for (const { low, high } of intervals) {
    let from = low
    for (let at = firstEndingAt(others, low); at < others.length; at++) {
      const other = others[at]
      if (other === undefined || other.low > high) break
      if (other.low > from) left.push({ low: from, high: other.low - 1 })
      from = other.high + 1
    }
    if (from <= high) left.push({ low: from, high })
  }
  return left
}

/** Index of the first interval that does not end before `point`. */
function firstEndingAt(intervals: Intervals, point: number): number {
  let low = 0
  let high = intervals.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((intervals[middle]?.high ?? point) < point) low = middle + 1
    else high = middle
  }
  return low
}
