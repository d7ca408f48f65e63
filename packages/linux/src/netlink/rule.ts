import { encodeAttributes, parseAttributes, readCString, readU32, cString, u32, type Attribute } from './attribute.ts'
import { CodedError } from '@tunnel/flow'
import { formatPrefix, parsePrefix, type Prefix } from './ip-address.ts'
import { concatBytes } from './message.ts'
import { compact, familyNumber, familyOf } from './route.ts'

export const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
export const RTM_GETRULE = 34

export type RuleAction = 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit'

/** One rule of the routing policy, in the words of `ip rule`. */
export interface Rule {
  readonly family: 4 | 6
  /** Rules are asked in ascending order. */
  readonly priority: number
  readonly mark?: number
  /** Which bits of the mark count; all by default. */
  readonly mask?: number
  /** `not`: applies to what does not match. */
  readonly invert?: boolean
  readonly table: number
  readonly from?: string
  readonly to?: string
  readonly inputDevice?: string
  readonly outputDevice?: string
  /** `lookup` by default. */
  readonly action?: RuleAction
  /** Who made it, as of routes; a removal that names one meets only theirs. */
  readonly protocol?: number
}

const FRA_DST = 1
const FRA_SRC = 2
const FRA_IIFNAME = 3
const FRA_PRIORITY = 6
const FRA_FWMARK = 10
const FRA_TABLE = 15
const FRA_FWMASK = 16
const FRA_OIFNAME = 17
const FRA_PROTOCOL = 21
const FIB_RULE_INVERT = 2
const ruleHeaderBytes = 12
const actionNumbers: Readonly<Record<RuleAction, number>> = { lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 }

export function encodeRule(rule: Rule): Uint8Array {
  const from = prefixOf(rule.from, rule.family)
  const to = prefixOf(rule.to, rule.family)
  const attributes: Attribute[] = [
    [FRA_TABLE, u32(rule.table)],
    [FRA_PRIORITY, u32(rule.priority)],
  ]
  if (from) attributes.push([FRA_SRC, from.bytes])
  if (to) attributes.push([FRA_DST, to.bytes])
  if (rule.mark !== undefined) attributes.push([FRA_FWMARK, u32(rule.mark)], [FRA_FWMASK, u32(rule.mask ?? 0xffffffff)])
  if (rule.inputDevice !== undefined) attributes.push([FRA_IIFNAME, cString(rule.inputDevice)])
  if (rule.outputDevice !== undefined) attributes.push([FRA_OIFNAME, cString(rule.outputDevice)])
  if (rule.protocol !== undefined) attributes.push([FRA_PROTOCOL, Uint8Array.of(rule.protocol)])
  const header = new Uint8Array(ruleHeaderBytes)
  header[0] = familyNumber(rule.family)
  header[1] = to?.length ?? 0
  header[2] = from?.length ?? 0
  header[4] = rule.table < 256 ? rule.table : 0
  header[7] = actionNumbers[rule.action ?? 'lookup']
  header[8] = rule.invert ? FIB_RULE_INVERT : 0
  return concatBytes([header, encodeAttributes(attributes)])
}

function prefixOf(text: string | undefined, family: 4 | 6): Prefix | undefined {
  if (text === undefined) return undefined
  const prefix = parsePrefix(text)
  if (prefix?.family === family) return prefix
  throw new CodedError('linux.invalid', `'${text}' is not an IPv${family} address or prefix`)
}

/** A rule of the kernel; `undefined` for other families and what cannot be read. */
export function parseRule(payload: Uint8Array): Rule | undefined {
  const family = familyOf(payload[0])
  const attributes = parseAttributes(payload.subarray(ruleHeaderBytes))
  const action = Object.entries(actionNumbers).find(([, number]) => number === payload[7])?.[0] as RuleAction | undefined
  if (payload.length < ruleHeaderBytes || !family || !attributes || !action) return undefined
  const size = family === 4 ? 4 : 16
  const prefix = (attribute: number, length: number | undefined): string | undefined => {
    const bytes = attributes.get(attribute)
    return bytes?.length === size && length !== undefined ? formatPrefix(bytes, length) : undefined
  }
  const mark = readU32(attributes.get(FRA_FWMARK))
  const mask = readU32(attributes.get(FRA_FWMASK))
  return compact({
    family,
    priority: readU32(attributes.get(FRA_PRIORITY)) ?? 0,
    mark: mark === undefined && mask !== undefined ? 0 : mark,
    mask: mask === 0xffffffff ? undefined : mask,
    invert: ((payload[8] ?? 0) & FIB_RULE_INVERT) !== 0 || undefined,
    table: readU32(attributes.get(FRA_TABLE)) ?? payload[4] ?? 0,
    from: prefix(FRA_SRC, payload[2]),
    to: prefix(FRA_DST, payload[1]),
    inputDevice: readCString(attributes.get(FRA_IIFNAME)),
    outputDevice: readCString(attributes.get(FRA_OIFNAME)),
    action: action === 'lookup' ? undefined : action,
    protocol: attributes.get(FRA_PROTOCOL)?.[0] || undefined,
  })
}

/** `pref 100 fwmark 0x1/0x1 lookup 7`, as `ip rule` would be told; of IPv6 with `(ipv6)` behind it. */
export function describeRule(rule: Rule): string {
  const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`
  const parts = [rule.invert ? 'not' : undefined, rule.from && `from ${rule.from}`, rule.to && `to ${rule.to}`]
  if (rule.mark !== undefined) parts.push(`fwmark ${hex(rule.mark)}${rule.mask === undefined ? '' : `/${hex(rule.mask)}`}`)
  if (rule.inputDevice !== undefined) parts.push(`iif ${rule.inputDevice}`)
  if (rule.outputDevice !== undefined) parts.push(`oif ${rule.outputDevice}`)
  parts.push(rule.action === undefined || rule.action === 'lookup' ? `lookup ${rule.table}` : rule.action)
  if (rule.family === 6) parts.push('(ipv6)')
  return [`pref ${rule.priority}`, ...parts.filter((part) => part)].join(' ')
}
