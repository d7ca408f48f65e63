/** One line of `doctor`. */
export interface ProbeResult {
  readonly name: string
  /** `warn`: it works, or only a part that may not be wanted does not. */
  readonly ok: boolean | 'warn'
  readonly detail: string
  /** What to do about it. */
  readonly remedy?: string
}
