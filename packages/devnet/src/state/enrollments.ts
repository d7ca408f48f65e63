import { randomUUID } from 'node:crypto'

export interface Enrollment {
  readonly token: string
  readonly identityId: string
  readonly expiresAt: number
}

/** One-time tokens: an identity has one until it is used. */
export interface Enrollments {
  create(identityId: string): Enrollment
  find(token: string): Enrollment | undefined
  /** False: it was not there, so somebody else has used it. */
  remove(token: string): boolean
}

const life = 7 * 24 * 60 * 60 * 1000

export function createEnrollments(now: () => number): Enrollments {
  const pending = new Map<string, Enrollment>()
  return {
    create(identityId) {
      const enrollment = { token: randomUUID(), identityId, expiresAt: now() + life }
      pending.set(enrollment.token, enrollment)
      return enrollment
    },
    find(token) {
      const enrollment = pending.get(token)
      return enrollment === undefined || enrollment.expiresAt <= now() ? undefined : enrollment
    },
    remove: (token) => pending.delete(token),
  }
}
