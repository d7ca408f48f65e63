import type { Milliseconds } from '@tunnel/flow'
import * as z from 'zod'
import { duration, textAs } from './fields.ts'
import { members } from './members.ts'

/** A TCP connect to `address` (protocol section 5.7). */
export interface PortCheck {
  /** `host:port`. */
  readonly address: string
  readonly interval: Milliseconds
  readonly timeout: Milliseconds
  readonly actions: readonly HealthAction[]
}

/** An HTTP request whose answer must have `expectStatus` and contain `expectInBody`. */
export interface HttpCheck {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH'
  readonly body?: string
  readonly expectStatus: number
  readonly expectInBody?: string
  readonly interval: Milliseconds
  readonly timeout: Milliseconds
  readonly actions: readonly HealthAction[]
}

/** What to do once `trigger` was seen often enough or long enough. */
export interface HealthAction {
  readonly trigger: 'fail' | 'pass' | 'change'
  readonly consecutiveEvents?: number
  readonly duration?: Milliseconds
  readonly effect: HealthEffect
}

export type HealthEffect =
  | { readonly do: 'mark healthy' | 'mark unhealthy' | 'send event' }
  | { readonly do: 'increase cost' | 'decrease cost'; readonly by: number }

const plainEffects = ['mark healthy', 'mark unhealthy', 'send event'] as const

function parseHealthEffect(text: string): HealthEffect | undefined {
  const plain = plainEffects.find((effect) => effect === text)
  if (plain) return { do: plain }
  const [, way, by] = /^(increase|decrease) cost (\d{1,5})$/.exec(text) ?? []
  if (way === undefined || Number(by) > 65_535) return undefined
  return { do: way === 'increase' ? 'increase cost' : 'decrease cost', by: Number(by) }
}

const action = members({
  trigger: z.enum(['fail', 'pass', 'change']),
  consecutiveEvents: z.int().min(0).optional(),
  duration: duration.optional(),
  action: textAs(parseHealthEffect, `one of ${plainEffects.join(', ')}, increase cost N, decrease cost N`),
}).transform(({ action: effect, ...rest }): HealthAction => ({ ...rest, effect }))

const schedule = { interval: duration, timeout: duration, actions: z.array(action).default([]) }

export const portCheck: z.ZodType<PortCheck> = members({ address: z.string().min(1), ...schedule })

export const httpCheck: z.ZodType<HttpCheck> = members({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH']).default('GET'),
  body: z.string().optional(),
  expectStatus: z.int().min(100).max(599).default(200),
  expectInBody: z.string().optional(),
  ...schedule,
})
