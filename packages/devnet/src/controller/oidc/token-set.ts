import { createHash, randomUUID } from 'node:crypto'
import type { ApiSession, IssuedToken } from '../../state/api-sessions.ts'
import type { ControllerContext } from '../context.ts'

export interface TokenSet {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly refresh_token: string
  /** Seconds, one less than the life. */
  readonly expires_in: number
  readonly id_token: string
  readonly scope: string
}

export type Grant = Pick<IssuedToken, 'session' | 'clientId' | 'scopes' | 'authenticatedAt'>
  & { readonly nonce?: string; readonly code?: string }

/** Access, refresh and id token of a session, with the claims of capture `oidc-token-decoded`. */
export async function issueTokens(context: ControllerContext, grant: Grant): Promise<TokenSet> {
  const { state, signer } = context
  const { session, clientId, scopes, authenticatedAt } = grant
  const now = state.now()
  const common = commonClaims(context, grant, now)
  const sign = async (use: IssuedToken['use'], life: number) => {
    const exp = Math.floor((now + life) / 1000)
    const token = await signer.sign({ ...common, ...sessionClaims(session, grant), exp, z_t: use === 'access' ? 'a' : 'r' })
    state.apiSessions.issue(token, { session, use, clientId, scopes, authenticatedAt, expiresAt: now + life })
    return token
  }
  const access = await sign('access', state.tokenLife.access)
  const refresh = await sign('refresh', state.tokenLife.refresh)
  const id = await signer.sign({
    ...common, ...identityClaims(context, grant), at_hash: halfHash(access), ...grant.code !== undefined && { c_hash: halfHash(grant.code) },
    exp: Math.floor((now + state.tokenLife.access) / 1000),
  })
  return {
    access_token: access,
    token_type: 'Bearer',
    refresh_token: refresh,
    expires_in: Math.max(0, Math.ceil(state.tokenLife.access / 1000) - 1),
    id_token: id,
    scope: scopes.join(' '),
  }
}

function commonClaims({ origin }: ControllerContext, { session, clientId, authenticatedAt }: Grant, now: number) {
  return {
    amr: ['cert'],
    aud: [clientId],
    auth_time: Math.floor(authenticatedAt / 1000),
    client_id: clientId,
    iat: Math.floor(now / 1000),
    iss: `${origin()}/oidc`,
    sub: session.identityId,
  }
}

/** The claims of access and refresh tokens (protocol section 2.6). */
function sessionClaims(session: ApiSession, { clientId, scopes, authenticatedAt }: Grant) {
  const [loginFingerprint] = session.fingerprints
  return {
    jti: randomUUID(),
    nbf: Math.floor(authenticatedAt / 1000),
    scopes,
    z_acf: loginFingerprint,
    z_aid: clientId,
    z_asid: session.id,
    z_authid: session.authenticatorId,
    z_cae: true,
    z_cer: false,
    z_cfs: [...session.fingerprints],
    z_ckrr: false,
    z_ct: session.configTypes,
    z_env: session.envInfo,
    z_iccc: false,
    z_ice: true,
    z_ra: session.ipAddress,
    z_sdk: session.sdkInfo,
  }
}

function identityClaims({ state }: ControllerContext, { session, clientId, nonce }: Grant) {
  const name = state.identities.get(session.identityId)?.name ?? ''
  return { azp: clientId, name, ...nonce !== undefined && nonce !== '' && { nonce }, z_ia: false }
}

/** The left half of the hash (OpenID Connect Core 3.1.3.6). */
const halfHash = (text: string) => createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
