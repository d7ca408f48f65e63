import type { HostState } from '@tunnel/linux'
import { CodedError } from '@tunnel/flow'

/** The host of a plan: what is asked of it can be looked at, and is never done. */
export function createUntouchedHost(): HostState {
  const nothing = { undone: 0, left: [], skipped: [], failed: [], remaining: [], settled: [] }
  const refuse = (what: string): Promise<never> => Promise.reject(new CodedError('cli.plan-only', `a plan changes nothing, and this was asked for: ${what}`))
  return {
    directory: '',
    apply: (changes) => (changes.length === 0 ? Promise.resolve() : refuse(changes[0]?.summary ?? '')),
    hold: () => refuse('a change beside the journal'),
    revert: async () => nothing,
    restore: async () => nothing,
  }
}
