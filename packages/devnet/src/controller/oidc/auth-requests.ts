import { randomBytes, randomUUID } from 'node:crypto'
import type { Identity } from '../../state/identity.ts'
import type { ClientInfo } from '../../state/client-info.ts'

/** One login on its way: from /authorize over /login to the code (protocol section 2.6). */
export interface AuthRequest {
  readonly id: string
  readonly clientId: string
  readonly redirectUri: string
  readonly scopes: readonly string[]
  readonly state: string
  readonly nonce: string
  readonly codeChallenge: string
  readonly expiresAt: number
  login?: Login
}

/** What a successful login leaves for the tokens. */
export interface Login {
  readonly identity: Identity
  readonly authenticatorId: string
  readonly fingerprint: string
  readonly configTypes: readonly string[]
  readonly sdkInfo: ClientInfo
  readonly envInfo: ClientInfo
  readonly remote: string
  readonly at: number
}

export type CompleteAuthRequest = AuthRequest & { readonly login: Login }

export interface AuthRequests {
  add(request: Omit<AuthRequest, 'id' | 'expiresAt' | 'login'>): AuthRequest
  find(id: string): AuthRequest | undefined
  /** The request is done: the code stands for it, once. */
  createCode(request: CompleteAuthRequest): string
  takeCode(code: string): CompleteAuthRequest | undefined
}

const life = 10 * 60 * 1000
const maximumPending = 1000

export function createAuthRequests(now: () => number): AuthRequests {
  const requests = new Map<string, AuthRequest>()
  const codes = new Map<string, CompleteAuthRequest>()
  return {
    add(request) {
      const added: AuthRequest = { ...request, id: randomUUID(), expiresAt: now() + life }
      bound(requests)
      requests.set(added.id, added)
      return added
    },
    find(id) {
      const request = requests.get(id)
      return request === undefined || request.expiresAt <= now() ? undefined : request
    },
    createCode(request) {
      const code = randomBytes(32).toString('base64url')
      requests.delete(request.id)
      bound(codes)
      codes.set(code, request)
      return code
    },
    takeCode(code) {
      const request = codes.get(code)
      codes.delete(code)
      return request === undefined || request.expiresAt <= now() ? undefined : request
    },
  }
}

/** Requests that nobody finishes must not pile up: the oldest goes. */
function bound(pending: Map<string, unknown>): void {
  if (pending.size >= maximumPending) pending.delete(pending.keys().next().value ?? '')
}
