/** Values of `there` whose keys are not in `here`: what an `apply` adds, and the other way round what it removes. */
export function missingIn<T>(here: ReadonlyMap<string, unknown>, there: ReadonlyMap<string, T>): T[] {
  const missing: T[] = []
  for (const [key, value] of there) if (!here.has(key)) missing.push(value)
  return missing
}
