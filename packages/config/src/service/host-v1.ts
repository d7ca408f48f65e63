import type { Protocol } from '@tunnel/flow'
import * as z from 'zod'
import type { AddressPattern } from '../match/address-pattern.ts'
import type { AddressTranslation } from '../match/address-translation.ts'
import { addressBits } from '../match/ip-address.ts'
import type { PortRange } from '../match/port-range.ts'
import type { Parsed } from '../parsed.ts'
import { allowedAddress, ipAddress, port, portRange, protocol, sourceAddress } from './fields.ts'
import { httpCheck, portCheck } from './health-check.ts'
import type { HttpCheck, PortCheck } from './health-check.ts'
import { listenOptions } from './listen-options.ts'
import type { ListenOptions } from './listen-options.ts'
import { members, parseConfig } from './members.ts'

/**
 * Where a hosted service leads (protocol section 6.4). For each of protocol, address and port exactly one is set: the
 * fixed value, or `forward...: true` with its allow list, which is then not empty.
 */
export interface HostV1 {
  readonly protocol?: Protocol
  readonly forwardProtocol?: true
  readonly allowedProtocols?: readonly Protocol[]
  /** IP address or host name. */
  readonly address?: string
  readonly forwardAddress?: true
  /** For `allowsAddress`. */
  readonly allowedAddresses?: readonly AddressPattern[]
  /** For `translateAddress`, after the allow check. */
  readonly forwardAddressTranslations: readonly AddressTranslation[]
  readonly port?: number
  readonly forwardPort?: true
  /** For `allowsPort`. */
  readonly allowedPortRanges?: readonly PortRange[]
  /** Addresses that may be the source of connections to the server (AppData `source_addr`). */
  readonly allowedSourceAddresses: readonly AddressPattern[]
  readonly portChecks: readonly PortCheck[]
  readonly httpChecks: readonly HttpCheck[]
  readonly listenOptions: ListenOptions
  /** Connections to the server go through this HTTP CONNECT proxy, `host:port`. */
  readonly proxy?: { readonly type: 'http'; readonly address: string }
}

const translation = members({ from: ipAddress, to: ipAddress, prefixLength: z.int().min(0).max(128) })
  .refine(({ from, to }) => from.family === to.family, { error: 'from and to must both be IPv4 or both be IPv6' })
  .refine(({ from, prefixLength }) => prefixLength <= addressBits[from.family], {
    error: 'prefixLength must be at most 32 for IPv4',
  })

/** `forward...` may only be true; a false is what a person means by leaving it away. */
const forward = z
  .boolean()
  .transform((value) => (value ? (true as const) : undefined))
  .optional()

const shape = members({
  protocol: protocol.optional(),
  forwardProtocol: forward,
  allowedProtocols: z.array(protocol).optional(),
  address: z.string().min(1, 'must not be empty').optional(),
  forwardAddress: forward,
  allowedAddresses: z.array(allowedAddress).optional(),
  forwardAddressTranslations: z.array(translation).default([]),
  port: port.optional(),
  forwardPort: forward,
  allowedPortRanges: z.array(portRange).optional(),
  allowedSourceAddresses: z.array(sourceAddress).default([]),
  portChecks: z.array(portCheck).default([]),
  httpChecks: z.array(httpCheck).default([]),
  listenOptions: listenOptions.default({}),
  proxy: members({ type: z.literal('http'), address: z.string().min(1) }).optional(),
})

const choices = [
  { fixed: 'protocol', forward: 'forwardProtocol', allowed: 'allowedProtocols' },
  { fixed: 'address', forward: 'forwardAddress', allowed: 'allowedAddresses' },
  { fixed: 'port', forward: 'forwardPort', allowed: 'allowedPortRanges' },
] as const

export const hostV1: z.ZodType<HostV1> = shape.superRefine((host, context) => {
  for (const { fixed, forward, allowed } of choices) {
    const complain = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
    const isForwarded = host[forward] === true
    if (isForwarded && host[fixed] !== undefined) complain(fixed, `must be absent, or ${forward}: only one of them can be`)
    else if (!isForwarded && host[fixed] === undefined) complain(fixed, `is missing; give it, or ${forward}: true and ${allowed}`)
    else if (isForwarded && !host[allowed]?.length) complain(allowed, `must not be empty with ${forward}: nothing could connect`)
  }
})

/** Fails with `config.invalid`, also for `forward...` with an empty allow list: such a service is not hosted. */
export function parseHostV1(json: unknown): Parsed<HostV1> {
  return parseConfig('host.v1', hostV1, json)
}
