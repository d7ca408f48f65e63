import type { PolicyType } from './policy.ts'

export interface ServiceSession {
  readonly id: string
  readonly token: string
  readonly apiSessionId: string
  readonly identityId: string
  readonly serviceId: string
  readonly type: PolicyType
  readonly createdAt: number
  /** Legacy ones are stored and can be read back; those of OIDC are their token only (protocol section 2.11). */
  readonly isStored: boolean
}

export interface ServiceSessions {
  add(session: ServiceSession): void
  findByToken(token: string): ServiceSession | undefined
  get(id: string): ServiceSession | undefined
  list(): readonly ServiceSession[]
  remove(id: string): void
  removeWhere(isMeant: (session: ServiceSession) => boolean): void
  onEnded(listener: (id: string) => void): () => void
}

/** Beyond it the oldest goes: its token is worth nothing any more, its circuits go on. */
const maximumSessions = 50_000

export function createServiceSessions(): ServiceSessions {
  const byId = new Map<string, ServiceSession>()
  const byToken = new Map<string, ServiceSession>()
  const listeners = new Set<(id: string) => void>()
  const forget = (id: string) => {
    byToken.delete(byId.get(id)?.token ?? '')
    return byId.delete(id)
  }
  const remove = (id: string) => {
    if (forget(id)) for (const listener of listeners) listener(id)
  }
  return {
    add(session) {
      byId.set(session.id, session)
      byToken.set(session.token, session)
      if (byId.size > maximumSessions) forget(byId.keys().next().value ?? '')
    },
    findByToken: (token) => byToken.get(token),
    get: (id) => byId.get(id),
    list: () => [...byId.values()],
    remove,
    removeWhere(isMeant) {
      for (const session of byId.values()) if (isMeant(session)) remove(session.id)
    },
    onEnded(listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    },
  }
}
