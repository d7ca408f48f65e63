import { InvalidArgumentError } from 'commander'

/** `--pcap`: where packets are written to, and how much of them. */
export interface CaptureOptions {
  /** `-` is standard output. */
  readonly file: string
  /** Infinity: no limit. */
  readonly limitBytes: number
}

/** A capture that somebody forgets is not to fill a disk. */
export const defaultCaptureBytes = 2 ** 30
const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

/** `500M`, `2G`, `none`. */
export function parseCaptureLimit(text: string): number {
  if (text === 'none') return Number.POSITIVE_INFINITY
  const [, count, unit = ''] = /^(\d+)([KMG]?)B?$/i.exec(text.trim()) ?? []
  const bytes = Number(count) * (units[unit.toUpperCase()] ?? Number.NaN)
  if (count === undefined || !(bytes > 0)) throw new InvalidArgumentError('It must be a size like 500M or 2G, or none.')
  return bytes
}
