import * as z from 'zod'
import type { ServiceSession } from '../types.ts'
import { envelope, idSchema } from './envelope.ts'
import { routersSchema } from './router.ts'

/** `POST /sessions` and `GET /sessions/{id}` (protocol section 2.11). The token of the latter is the id: useless. */
export const sessionSchema: z.ZodType<{ data: ServiceSession }> = envelope(
  z
    .object({
      id: idSchema,
      token: z.string().min(1),
      serviceId: idSchema,
      type: z.enum(['Dial', 'Bind']),
      edgeRouters: routersSchema,
    })
    .transform(({ edgeRouters, ...session }) => ({ ...session, routers: edgeRouters })),
)
