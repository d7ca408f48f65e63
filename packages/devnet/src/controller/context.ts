import type { Log } from '@tunnel/flow'
import type { CertificateAuthority, KeyedCertificate } from '../pki/certificate-authority.ts'
import type { ApiSession } from '../state/api-sessions.ts'
import type { Identity } from '../state/identity.ts'
import type { NetworkState } from '../state/network-state.ts'
import type { Call } from './call.ts'
import type { AuthRequests } from './oidc/auth-requests.ts'
import type { Reply } from './reply.ts'
import type { TokenSigner } from './token-signer.ts'

/** `legacy` advertises no capability and has no /oidc; `oidc` refuses /authenticate, so that a test proves what it uses. */
export type AuthMode = 'both' | 'legacy' | 'oidc'

/** What the handlers work with. */
export interface ControllerContext {
  readonly state: NetworkState
  readonly certificates: CertificateAuthority
  readonly certificate: KeyedCertificate
  readonly signer: TokenSigner
  readonly authRequests: AuthRequests
  readonly auth: AuthMode
  /** `https://127.0.0.1:1280`, without a path. */
  readonly origin: () => string
  /** Names and addresses in the server certificate: OIDC answers to no other (protocol section 2.6). */
  readonly hosts: readonly string[]
  readonly log: Log
}

/** Who calls: a request with a live session. */
export interface Caller {
  readonly session: ApiSession
  readonly identity: Identity
  readonly token: string
  readonly expiresAt: number
}

export type OpenHandler = (call: Call, context: ControllerContext) => Reply | Promise<Reply>
export type SessionHandler = (call: Call, context: ControllerContext, caller: Caller) => Reply | Promise<Reply>

/** `path` with `:name` for a parameter. `open` routes need no session. */
export type Route =
  | { readonly method: string; readonly path: string; readonly open: OpenHandler }
  | { readonly method: string; readonly path: string; readonly handle: SessionHandler }

export const controllerName = 'devnet-controller'

/** Where the client API lives. */
export const clientPath = '/edge/client/v1'
