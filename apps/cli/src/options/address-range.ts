import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'

export const defaultIp4Range = '100.64.0.1/10'
/** Taken where others have the default one, and those before: for benchmarks (RFC 2544), and so in nobody's network. */
export const otherIp4Ranges: readonly string[] = ['198.18.0.1/16', '198.19.0.1/16']
/** A unique local range (RFC 4193) with the letters of `ziti` in it: the same on every host, so that addresses are the same. */
export const defaultIp6Range = 'fd7a:6974:6900::/64'
/** Taken where others have the default one, and those before; one for each tunneler of a host. (fd7a:6974:6901::/64 is inside networks of commands.) */
export const otherIp6Ranges: readonly string[] = Array.from({ length: 15 }, (_, index) => `fd7a:6974:${(0x6902 + index).toString(16)}::/64`)

/** The value of `--dnsSvcIpRange`. A pool with room for a handful of names at least. */
export function parseIp4Range(text: string): string {
  return parseRange(text, 4, 8, 30, defaultIp4Range)
}

/** The value of `--dnsSvcIp6Range`; `off` (undefined): names have IPv4 addresses only. */
export function parseIp6Range(text: string): string | undefined {
  return text === 'off' ? undefined : parseRange(text, 6, 16, 126, defaultIp6Range)
}

function parseRange(text: string, family: 4 | 6, shortest: number, longest: number, example: string): string {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  if (isIP(address) !== family) throw new InvalidArgumentError(`It must be an IPv${family} range like ${example}.`)
  if (Number(length) < shortest || Number(length) > longest) {
    throw new InvalidArgumentError(`The prefix of the range must be from /${shortest} to /${longest}.`)
  }
  return text
}
