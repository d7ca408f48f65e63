import type { Terminator } from './authority.ts'

export interface TerminatorLoad {
  readonly online: boolean
  /** Circuits that end there now. */
  readonly circuits: number
  /** This dial tried it before. */
  readonly tried: boolean
}

/** Required before default before failed (protocol section 3.4: 0 default, 1 required, 2 failed). */
const rank = (precedence: number): number => (precedence === 1 ? 0 : precedence === 0 ? 1 : 2)

/**
 * The terminator for the next try: by precedence, then one that was not tried yet, then by cost, then by circuits.
 * The instance must be the wanted one; empty means the terminators without a name, not any.
 */
export function chooseTerminator(
  terminators: readonly Terminator[],
  instance: string,
  load: (terminator: Terminator) => TerminatorLoad,
): Terminator | 'none' | 'offline' {
  const candidates = terminators.filter((terminator) => terminator.instance === instance)
  if (candidates.length === 0) return 'none'
  const online = candidates.map((terminator) => ({ terminator, ...load(terminator) })).filter((candidate) => candidate.online)
  const [best] = online.sort(
    (left, right) =>
      rank(left.terminator.precedence) - rank(right.terminator.precedence) ||
      Number(left.tried) - Number(right.tried) ||
      left.terminator.cost - right.terminator.cost ||
      left.circuits - right.circuits,
  )
  return best?.terminator ?? 'offline'
}
