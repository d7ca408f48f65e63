import { apiSessionSchema, type ApiSessionAnswer } from '../controller/schemas/api-session.ts'
import { anyBody } from '../controller/schemas/envelope.ts'
import type { ApiSession } from '../controller/types.ts'
import { loginBody } from './client-info.ts'
import { authQueriesUnsupported, loginRefusal, type Login, type LoginContext } from './login.ts'

const defaultLifetime = 30 * 60

/** Login by client certificate (protocol section 2.5). Such a session lives at the controller that made it only. */
export async function loginLegacy(context: LoginContext): Promise<Login> {
  const { rest, base, clock } = context
  const request = { method: 'POST', path: '/authenticate', query: { method: 'cert' }, json: loginBody(context.application) } as const
  const sent = clock.now()
  const { data } = await rest.callAt(base, request, apiSessionSchema).catch((error: unknown) => {
    throw loginRefusal(error, context)
  })
  if (data.authQueries.length > 0) throw authQueriesUnsupported(base, data.authQueries.map(({ typeId }) => typeId))
  const session = legacySession(data, sent)
  const own = { path: '/current-api-session', headers: session.header() }
  return {
    session,
    async refresh() {
      const asked = clock.now()
      const answer = await rest.callAt(base, { method: 'GET', ...own }, apiSessionSchema)
      return legacySession({ ...answer.data, token: data.token }, asked)
    },
    async logout() {
      await rest.callAt(base, { method: 'DELETE', ...own }, anyBody)
    },
  }
}

function legacySession({ id, token, expirationSeconds }: ApiSessionAnswer, from: number): ApiSession {
  const header = { 'zt-session': token }
  return { kind: 'legacy', id, token, expiresAt: from + (expirationSeconds ?? defaultLifetime) * 1000, header: () => header }
}
