import * as z from 'zod'
import type { Parsed } from '../parsed.ts'
import { hostV1 } from './host-v1.ts'
import type { HostV1 } from './host-v1.ts'
import { members, parseConfig } from './members.ts'

/** Several places where a service is hosted, one listener each (protocol section 6.5). */
export interface HostV2 {
  readonly terminators: readonly HostV1[]
}

const hostV2: z.ZodType<HostV2> = members({ terminators: z.array(hostV1).min(1, 'must have at least one terminator') })

/** Fails with `config.invalid`. */
export function parseHostV2(json: unknown): Parsed<HostV2> {
  return parseConfig('host.v2', hostV2, json)
}
