import type { Milliseconds } from '@tunnel/flow'
import * as z from 'zod'
import { duration } from './fields.ts'
import { members } from './members.ts'

/** Instance, cost and limits of the terminators of a host config (protocol sections 5.5 and 6.4). */
export interface ListenOptions {
  /** The instance name is the name of the hosting identity; wins over `identity`. */
  readonly bindUsingEdgeIdentity?: boolean
  /** Template for the instance name. */
  readonly identity?: string
  /** 0 to 65535. */
  readonly cost?: number
  readonly precedence?: 'default' | 'required' | 'failed'
  /** Number of routers to bind on. */
  readonly maxConnections?: number
  /** For connections to the server; from `connectTimeout`, else from `connectTimeoutSeconds`. */
  readonly connectTimeout?: Milliseconds
}

export const listenOptions = members(
  {
    bindUsingEdgeIdentity: z.boolean().optional(),
    identity: z.string().optional(),
    cost: z.int().min(0).max(65_535).optional(),
    precedence: z.enum(['default', 'required', 'failed']).optional(),
    maxConnections: z.int().min(1).optional(),
    connectTimeout: duration.optional(),
    connectTimeoutSeconds: z.int().min(0).optional(),
  },
  // The C tools read (and so their users write) this spelling.
  { precendence: 'precedence' },
).transform(({ connectTimeout, connectTimeoutSeconds, identity, ...rest }): ListenOptions => {
  const timeout = connectTimeout ?? (connectTimeoutSeconds === undefined ? undefined : connectTimeoutSeconds * 1_000)
  return { ...rest, ...(identity && { identity }), ...(timeout !== undefined && { connectTimeout: timeout }) }
})
