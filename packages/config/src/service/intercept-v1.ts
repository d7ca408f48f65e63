import type { Protocol } from '@tunnel/flow'
import * as z from 'zod'
import type { AddressPattern } from '../match/address-pattern.ts'
import type { PortRange } from '../match/port-range.ts'
import type { Parsed } from '../parsed.ts'
import { interceptAddress, portRanges, protocols, sourceAddress } from './fields.ts'
import { members, parseConfig } from './members.ts'

/** What to intercept and how to dial it (protocol section 6.1). Lists are never empty. */
export interface InterceptV1 {
  readonly protocols: readonly Protocol[]
  readonly addresses: readonly AddressPattern[]
  readonly portRanges: readonly PortRange[]
  readonly dialOptions?: DialOptions
  /** Template for AppData `source_addr`. */
  readonly sourceIp?: string
  /** When present, only traffic from these addresses is intercepted. */
  readonly allowedSourceAddresses?: readonly AddressPattern[]
}

export interface DialOptions {
  readonly connectTimeoutSeconds?: number
  /** Template for the terminator instance to dial. */
  readonly identity?: string
}

const interceptV1: z.ZodType<InterceptV1> = members({
  protocols,
  addresses: z.array(interceptAddress).min(1, 'must have at least one address'),
  portRanges,
  dialOptions: members({ connectTimeoutSeconds: z.int().min(0).optional(), identity: emptyIsAbsent() }).optional(),
  sourceIp: emptyIsAbsent(),
  allowedSourceAddresses: z
    .array(sourceAddress)
    .transform((sources) => (sources.length === 0 ? undefined : sources))
    .optional(),
})

/** Fails with `config.invalid`. */
export function parseInterceptV1(json: unknown): Parsed<InterceptV1> {
  return parseConfig('intercept.v1', interceptV1, json)
}

function emptyIsAbsent() {
  return z
    .string()
    .transform((text) => (text === '' ? undefined : text))
    .optional()
}
