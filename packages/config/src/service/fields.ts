import * as z from 'zod'
import { parseAddressPattern, parseAllowedAddress } from '../match/address-pattern.ts'
import { parseIpAddress } from '../match/ip-address.ts'
import { parseDuration } from './duration.ts'
import { members } from './members.ts'

/** Schemas of the members that several config types share. */

export const protocol = z.enum(['tcp', 'udp'])
export const protocols = z.array(protocol).min(1, 'must name at least one protocol')

export const port = z.int().min(0).max(65_535)

export const portRange = members({ low: port, high: port }).refine(({ low, high }) => low <= high, {
  error: 'low must not be greater than high',
})
export const portRanges = z.array(portRange).min(1, 'must have at least one port range')

/** Text to something else, by a parser that says `undefined` to what it cannot read. */
export function textAs<T>(parse: (text: string) => T | undefined, expected: string) {
  return z.string().transform((text, context): T => {
    const value = parse(text)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', input: text, message: `${quote(text)} is not ${expected}` })
    return z.NEVER
  })
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)
}

export const interceptAddress = textAs(
  parseAddressPattern,
  'an IP address, a CIDR range, a host name of at least 3 characters, or *.domain',
)
export const allowedAddress = textAs(parseAllowedAddress, 'an IP address, a CIDR range, a host name, *.domain, or *')
export const sourceAddress = textAs((text) => {
  const pattern = parseAddressPattern(text)
  return pattern?.kind === 'ip' || pattern?.kind === 'cidr' ? pattern : undefined
}, 'an IP address or a CIDR range')
export const ipAddress = textAs(parseIpAddress, 'an IP address')
export const duration = textAs(parseDuration, 'a duration such as 5s, 500ms or 1m30s')
