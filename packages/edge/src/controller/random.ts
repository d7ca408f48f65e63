/** Uniform in [0, 1): `Math.random`, or a fixed sequence in tests. */
export type Random = () => number

export function between(low: number, high: number, random: Random): number {
  return low + (high - low) * random()
}

/** Fisher-Yates, of a copy. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result: T[] = []
  const rest = [...items]
  while (rest.length > 0) result.push(...rest.splice(Math.floor(random() * rest.length), 1))
  return result
}
