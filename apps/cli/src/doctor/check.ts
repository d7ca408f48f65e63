/** What one look at this host or the network has shown. */
export interface Check {
  /** `capabilities`, `port 53`. */
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  /** What was found, one line. */
  readonly detail: string
  /** What to do about it; absent when all is well. */
  readonly remedy?: string
}

export const ok = (name: string, detail: string): Check => ({ name, state: 'ok', detail })
export const warn = (name: string, detail: string, remedy?: string): Check => ({ name, state: 'warn', detail, ...(remedy !== undefined && { remedy }) })
export const fail = (name: string, detail: string, remedy: string): Check => ({ name, state: 'fail', detail, remedy })
