import { addressBits, isInNetwork, networkOf, parseIpAddress, parseUnmapped } from './ip-address.ts'
import type { IpAddress } from './ip-address.ts'

/** One address of an intercept or of an allow list (protocol section 6.1). `text` is as the config has it. */
export type AddressPattern =
  | { readonly kind: 'host'; readonly text: string; /** Lower case. */ readonly name: string }
  | { readonly kind: 'wildcard'; readonly text: string; /** `.x.y` of `*.x.y`, lower case; empty for `*`. */ readonly suffix: string }
  | { readonly kind: 'ip'; readonly text: string; readonly ip: IpAddress }
  | { readonly kind: 'cidr'; readonly text: string; /** Host bits are zero. */ readonly network: IpAddress; readonly prefixLength: number }

/** Fewest characters of a name in an intercept: what the SDK's matcher takes. */
const shortestName = 3

/**
 * An address of an intercept. Whatever is not a valid IP or CIDR is a DNS label, even `1.2.3.4/56`; `undefined` for a
 * name of fewer than 3 characters and for a `*` that is not the whole first label.
 */
export function parseAddressPattern(text: string): AddressPattern | undefined {
  const numeric = parseNumeric(text)
  if (numeric) return numeric
  if (text.length < shortestName) return undefined
  return parseName(text)
}

/** An address of an allow list: as of an intercept, and also `*` (every name) and names of any length. */
export function parseAllowedAddress(text: string): AddressPattern | undefined {
  if (text === '*') return { kind: 'wildcard', text, suffix: '' }
  return parseNumeric(text) ?? parseName(text)
}

function parseName(text: string): AddressPattern | undefined {
  const name = normalizeName(text)
  if (name === '') return undefined
  if (!name.includes('*')) return { kind: 'host', text, name }
  const suffix = name.slice(1)
  if (!name.startsWith('*.') || suffix === '.' || suffix.includes('*')) return undefined
  return { kind: 'wildcard', text, suffix }
}

function parseNumeric(text: string): AddressPattern | undefined {
  const ip = parseIpAddress(text)
  if (ip) return { kind: 'ip', text, ip }
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const base = parseUnmapped(address)
  if (!base || Number(length) > addressBits[base.family]) return undefined
  return cidr(text, base, Number(length))
}

function cidr(text: string, base: IpAddress, prefixLength: number): AddressPattern {
  const plain = parseIpAddress(base.text)
  // A mapped range is an IPv4 range as long as its prefix covers the mapping itself.
  const mapped = plain && plain.family !== base.family && prefixLength >= 96
  const address = mapped ? plain : base
  const length = mapped ? prefixLength - 96 : prefixLength
  if (length === addressBits[address.family]) return { kind: 'ip', text, ip: address }
  return { kind: 'cidr', text, network: networkOf(address, length), prefixLength: length }
}

/**
 * Lower case and without the dot of a fully qualified name, so that `Web.Ziti.` is `web.ziti`; in the ASCII form that
 * programs ask DNS for (RFC 5890 2.3.2.1), so that `bücher.ziti` is `xn--bcher-kva.ziti`.
 */
export function normalizeName(name: string): string {
  const lower = name.toLowerCase().replace(/\.$/, '')
  return isForeign.test(lower) && !isNoHost.test(lower) ? asciiName(lower) : lower
}

const isForeign = /[^\0-\x7f]/
/** What would be read as another part of a URL. */
const isNoHost = /[\s/?#@:\\[\]]/

/** By the URL parser, which does as programs do (UTS 46); as it is where that finds no name. */
function asciiName(name: string): string {
  const url = `http://${name}`
  return URL.canParse(url) ? new URL(url).hostname : name
}

/** What is looked for: an address if it is one, else a name. Made once for a search in many patterns. */
export type MatchTarget = { readonly ip: IpAddress } | { readonly name: string }

export function matchTarget(hostOrIp: string): MatchTarget {
  const ip = parseIpAddress(hostOrIp)
  return ip ? { ip } : { name: normalizeName(hostOrIp) }
}

/**
 * How well `target` fits an intercept's pattern; 0 is exact, a lower score is the better fit, `undefined` is none
 * (protocol section 6.1). `*.x.y` does not match `x.y`.
 */
export function matchAddress(pattern: AddressPattern, target: MatchTarget): number | undefined {
  switch (pattern.kind) {
    case 'host':
      return 'name' in target && target.name === pattern.name ? 0 : undefined
    case 'wildcard':
      if (!('name' in target) || target.name.length <= pattern.suffix.length) return undefined
      return target.name.endsWith(pattern.suffix) ? target.name.length - pattern.suffix.length : undefined
    case 'ip':
      return 'ip' in target && target.ip.text === pattern.ip.text ? 0 : undefined
    case 'cidr':
      if (!('ip' in target) || !isInNetwork(target.ip, pattern.network, pattern.prefixLength)) return undefined
      return addressBits[pattern.network.family] - pattern.prefixLength
  }
}
