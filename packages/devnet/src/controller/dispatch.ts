import { isIP } from 'node:net'
import { apiSessionRoutes } from './api-session.ts'
import { authenticateCall } from './authentication.ts'
import type { Call } from './call.ts'
import type { ControllerContext, Route } from './context.ts'
import { clientPath } from './context.ts'
import { controllersRoutes } from './controllers.ts'
import { currentIdentityRoutes } from './current-identity.ts'
import { enrollRoutes } from './enroll.ts'
import { authorizeRoutes } from './oidc/authorize.ts'
import { discoveryRoutes } from './oidc/discovery.ts'
import { loginRoutes } from './oidc/login.ts'
import { tokenRoutes } from './oidc/token.ts'
import { postureRoutes } from './posture.ts'
import type { Reply } from './reply.ts'
import { fail } from './reply.ts'
import { createRouteTable } from './route-table.ts'
import { serviceSessionRoutes } from './service-sessions.ts'
import { serviceRoutes } from './services.ts'
import { versionRoutes } from './version.ts'

/** Answers a whole request. */
export type Dispatch = (call: Call) => Promise<Reply>

const clientRoutes: readonly Route[] = [
  ...versionRoutes, ...enrollRoutes, ...apiSessionRoutes, ...currentIdentityRoutes, ...serviceRoutes, ...serviceSessionRoutes,
  ...controllersRoutes, ...postureRoutes,
]

export function createDispatch(context: ControllerContext): Dispatch {
  const client = createRouteTable(clientRoutes)
  // What needs no session is at the root too: /version, /.well-known/est/cacerts.
  const root = createRouteTable(clientRoutes.filter((route) => 'open' in route && route.method === 'GET'))
  const oidc = createRouteTable([...discoveryRoutes, ...authorizeRoutes, ...loginRoutes, ...tokenRoutes])
  const tableOf = (call: Call) => {
    if (call.path === clientPath || call.path.startsWith(`${clientPath}/`)) return client(call.method, call.path.slice(clientPath.length) || '/')
    if (!call.path.startsWith('/oidc/')) return root(call.method, call.path)
    return context.auth !== 'legacy' && isOurHost(call, context) ? oidc(call.method, call.path) : { kind: 'unknown' as const }
  }
  return async (call) => {
    const match = tableOf(call)
    if (match.kind !== 'route') return fail(match.kind === 'wrong-method' ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND')
    const { route, parameters } = match
    if ('open' in route) return route.open({ ...call, parameters }, context)
    const caller = authenticateCall(call, context)
    return 'status' in caller ? caller : route.handle({ ...call, parameters }, context, caller)
  }
}

/** The issuer is a name of the certificate, or there is no OIDC under it (protocol section 2.6). */
function isOurHost({ headers }: Call, { hosts }: ControllerContext): boolean {
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return hosts.includes(isIP(name) === 0 ? name.toLowerCase() : name)
}
