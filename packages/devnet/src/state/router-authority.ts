import { certificateFingerprint } from '../pki/fingerprint.ts'
import type { RouterAuthority } from '../router/authority.ts'
import type { NetworkState } from './network-state.ts'
import { isAllowed } from './network-state.ts'

/** What routers ask of the controller, answered from its state. */
export function createRouterAuthority(state: NetworkState): RouterAuthority {
  const { apiSessions, serviceSessions, identities, services } = state
  return {
    terminators: state.terminators,
    checkApiSession(token, clientCertificate) {
      const found = apiSessions.find(token)
      const identity = identities.get(found?.session.identityId ?? '')
      if (found === undefined || identity === undefined) return 'unknown'
      const { session, expiresAt } = found
      // A renewed certificate of the same identity is as good as that of the login (protocol section 2.11).
      const fingerprint = certificateFingerprint(clientCertificate)
      if (!session.fingerprints.has(fingerprint) && identity.authenticator?.fingerprint !== fingerprint) return 'foreign'
      return {
        id: session.id,
        identityId: identity.id,
        identityName: identity.name,
        kind: session.kind,
        ...session.kind === 'oidc' && { expiresAt },
      }
    },
    checkServiceSession(token, apiSession) {
      const session = serviceSessions.findByToken(token)
      if (session === undefined || session.apiSessionId !== apiSession.id) return undefined
      // Asked at each use: a token of an hour ago gives no more than policies and posture do now. For OIDC this is the only
      // check of posture, as the controller gives those sessions without one (protocol section 2.12).
      return isAllowed(state, session) ? session : undefined
    },
    service: (id) => services.get(id),
    onApiSessionEnded: (listener) => apiSessions.onEnded(listener),
    onServiceSessionEnded: (listener) => serviceSessions.onEnded(listener),
  }
}
