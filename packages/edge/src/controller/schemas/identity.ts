import * as z from 'zod'
import type { IdentityInfo } from '../types.ts'
import { envelope, idSchema, orDefault } from './envelope.ts'

const costSchema = z.number().int().min(0).max(65_535)
// A precedence of a later controller must not keep us from working.
const precedenceSchema = z.enum(['default', 'required', 'failed']).catch('default')

/** `GET /current-identity` (protocol section 2.8). */
export const identitySchema: z.ZodType<{ data: IdentityInfo }> = envelope(
  z.object({
    id: idSchema,
    name: z.string(),
    appData: orDefault(z.record(z.string(), z.unknown()), {}),
    defaultHostingCost: orDefault(costSchema, 0),
    defaultHostingPrecedence: precedenceSchema,
    serviceHostingCosts: orDefault(z.record(z.string(), costSchema), {}),
    serviceHostingPrecedences: orDefault(z.record(z.string(), precedenceSchema), {}),
  }),
)
