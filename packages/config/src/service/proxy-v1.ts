import type { Protocol } from '@tunnel/flow'
import * as z from 'zod'
import type { Parsed } from '../parsed.ts'
import { port, protocols } from './fields.ts'
import { members, parseConfig } from './members.ts'

/** A local listener that a service asks for (protocol section 6.6). */
export interface ProxyV1 {
  readonly port: number
  readonly protocols: readonly Protocol[]
  /** IP address or interface name; the tunneler's default when absent. */
  readonly binding?: string
}

const proxyV1: z.ZodType<ProxyV1> = members({
  port,
  protocols,
  binding: z
    .string()
    .transform((text) => (text === '' ? undefined : text))
    .optional(),
})

/** Fails with `config.invalid`. */
export function parseProxyV1(json: unknown): Parsed<ProxyV1> {
  return parseConfig('proxy.v1', proxyV1, json)
}
