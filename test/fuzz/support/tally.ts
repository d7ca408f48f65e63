/** What happened in all conversations together: a fuzz test that reaches nothing finds nothing. */
export class Tally {
  readonly #counts = new Map<string, number>()

  get names(): string[] {
    return [...this.#counts.keys()]
  }

  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  toString(): string {
    return [...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1)).map(([name, count]) => `${name}: ${count}`).join(', ')
  }
}
