import type { PostureCheck } from './posture-check.ts'

export interface ServiceConfig {
  readonly id: string
  /** Config type name: `intercept.v1`. */
  readonly type: string
  readonly value: unknown
}

export interface Service {
  readonly id: string
  readonly name: string
  readonly createdAt: number
  updatedAt: number
  encryptionRequired: boolean
  configs: readonly ServiceConfig[]
  roleAttributes: readonly string[]
  /** Demanded of those who dial. */
  postureChecks: readonly PostureCheck[]
}
