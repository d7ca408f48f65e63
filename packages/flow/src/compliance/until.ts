/** Waits until `condition` holds; says what was waited for when it does not within five seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited five seconds in vain: ${what}`)
    await turn()
  }
}

/** Lets everything that is ready happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}

export async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await turn()
}
