import * as z from 'zod'
import { envelope, idSchema, optional, orDefault } from './envelope.ts'

const authQuerySchema = z.object({ typeId: optional(z.string()), provider: optional(z.string()) })

/** `POST /authenticate` and `GET /current-api-session` (protocol section 2.5). */
export const apiSessionSchema = envelope(
  z.object({
    id: idSchema,
    token: z.string().min(1),
    identityId: optional(z.string()),
    /** Seconds. */
    expirationSeconds: optional(z.number().positive()),
    /** What is still wanted of us: empty when the login is complete. */
    authQueries: orDefault(z.array(authQuerySchema), []),
  }),
)

export type ApiSessionAnswer = z.output<typeof apiSessionSchema>['data']

/** `POST /oidc/oauth/token` (protocol section 2.6): no envelope. */
export const tokenSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: optional(z.string().min(1)),
  id_token: optional(z.string().min(1)),
  token_type: z.string().regex(/^bearer$/i, 'not "Bearer"'),
  /** Seconds. */
  expires_in: z.number().positive(),
})

export type TokenAnswer = z.output<typeof tokenSchema>

/** The answer of a login step that wants more of us. */
export const loginStepSchema = z.object({ authQueries: orDefault(z.array(authQuerySchema), []) })
