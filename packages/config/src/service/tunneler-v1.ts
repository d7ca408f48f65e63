import type { Protocol } from '@tunnel/flow'
import * as z from 'zod'
import type { AddressPattern } from '../match/address-pattern.ts'
import type { Parsed } from '../parsed.ts'
import { interceptAddress, port, protocol } from './fields.ts'
import { httpCheck, portCheck } from './health-check.ts'
import type { HttpCheck, PortCheck } from './health-check.ts'
import type { HostV1 } from './host-v1.ts'
import type { InterceptV1 } from './intercept-v1.ts'
import { members, parseConfig } from './members.ts'

/** The older, simpler way to say what to intercept (protocol section 6.2). */
export interface TunnelerClientV1 {
  readonly hostname: AddressPattern
  readonly port: number
}

/** The older, simpler way to say where a service leads (protocol section 6.3). */
export interface TunnelerServerV1 {
  readonly protocol: Protocol
  readonly hostname: string
  readonly port: number
  readonly portChecks: readonly PortCheck[]
  readonly httpChecks: readonly HttpCheck[]
}

const clientV1: z.ZodType<TunnelerClientV1> = members({ hostname: interceptAddress, port })

const serverV1: z.ZodType<TunnelerServerV1> = members({
  protocol: protocol.default('tcp'),
  hostname: z.string().min(1, 'must not be empty'),
  port,
  portChecks: z.array(portCheck).default([]),
  httpChecks: z.array(httpCheck).default([]),
})

/** Fails with `config.invalid`. */
export function parseTunnelerClientV1(json: unknown): Parsed<TunnelerClientV1> {
  return parseConfig('ziti-tunneler-client.v1', clientV1, json)
}

/** Fails with `config.invalid`. */
export function parseTunnelerServerV1(json: unknown): Parsed<TunnelerServerV1> {
  return parseConfig('ziti-tunneler-server.v1', serverV1, json)
}

export function interceptOfTunnelerClient({ hostname, port }: TunnelerClientV1): InterceptV1 {
  return { protocols: ['tcp', 'udp'], addresses: [hostname], portRanges: [{ low: port, high: port }] }
}

export function hostOfTunnelerServer({ hostname, ...rest }: TunnelerServerV1): HostV1 {
  return { ...rest, address: hostname, forwardAddressTranslations: [], allowedSourceAddresses: [], listenOptions: {} }
}
