import { describe, expect, it } from 'vitest'
import type { ApiSession, OpenApiSession } from './api-sessions.ts'
import { createApiSessions } from './api-sessions.ts'

const open: OpenApiSession = {
  kind: 'legacy', identityId: 'i', authenticatorId: 'a', configTypes: [], ipAddress: '', sdkInfo: {}, envInfo: {}, fingerprint: 'f', life: 100,
}

function table() {
  let time = 0
  const sessions = createApiSessions(() => time, 100)
  const ended: string[] = []
  sessions.onEnded((id) => ended.push(id))
  const issue = (session: ApiSession, token: string, use: 'access' | 'refresh', expiresAt: number) =>
    sessions.issue(token, { session, use, clientId: 'openziti', scopes: [], authenticatedAt: time, expiresAt })
  return { sessions, ended, issue, to: (later: number) => { time = later } }
}

describe('createApiSessions', () => {
  it('ends an idle legacy session, and says so', () => {
    const { sessions, ended, to } = table()
    const session = sessions.open(open)
    to(99)
    sessions.touch(session)
    to(198)
    sessions.sweep()
    expect(ended).toEqual([])
    to(199)
    expect(sessions.find(session.token)).toBeUndefined()
    sessions.sweep()
    expect(ended).toEqual([session.id])
  })

  it('keeps an OIDC session as long as its last refresh token', () => {
    const { sessions, ended, issue, to } = table()
    const session = sessions.open({ ...open, kind: 'oidc', life: 10 })
    issue(session, 'a1', 'access', 20)
    issue(session, 'r1', 'refresh', 200)
    to(50)
    sessions.sweep()
    expect(sessions.find('a1')).toBeUndefined()
    expect(sessions.refreshToken('r1')?.session).toBe(session)
    expect(sessions.refreshToken('a1')).toBeUndefined()
    issue(session, 'r2', 'refresh', 300)
    to(250)
    sessions.sweep()
    expect([sessions.refreshToken('r1'), sessions.refreshToken('r2')?.session]).toEqual([undefined, session])
    to(300)
    sessions.sweep()
    expect(ended).toEqual([session.id])
  })

  it('is not found by an empty token, though OIDC sessions have one', () => {
    const { sessions } = table()
    sessions.open({ ...open, kind: 'oidc' })
    expect(sessions.find('')).toBeUndefined()
  })

  it('holds no more than ten thousand: the oldest ends', () => {
    const { sessions, ended } = table()
    const first = sessions.open(open)
    for (let count = 0; count < 10_000; count++) sessions.open(open)
    expect(ended).toEqual([first.id])
    expect(sessions.list()).toHaveLength(10_000)
  })
})
