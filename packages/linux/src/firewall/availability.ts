/** Whether something works here, and if not, why: the error's own words. */
export type Availability = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export const available: Availability = { ok: true }

export function unavailable(error: unknown): Availability {
  return { ok: false, reason: error instanceof Error ? error.message : String(error) }
}
