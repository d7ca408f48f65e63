/** Inclusive, 0 to 65535. */
export interface PortRange {
  readonly low: number
  readonly high: number
}

export function allowsPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ low, high }) => low <= port && port <= high)
}

/** Width of the narrowest range that contains `port`, less one: 0 for a single port, `undefined` when none does. */
export function matchPort(ranges: readonly PortRange[], port: number): number | undefined {
  let best: number | undefined
  for (const { low, high } of ranges) {
    if (port < low || port > high) continue
    if (best === undefined || high - low < best) best = high - low
  }
  return best
}
