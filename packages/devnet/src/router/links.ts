import type { Milliseconds } from '@tunnel/flow'

const key = (left: string, right: string): string => (left < right ? `${left}\0${right}` : `${right}\0${left}`)

/** The links between routers: every pair has one, whole and without delay until somebody says otherwise. */
export class Links {
  readonly #cut = new Set<string>()
  readonly #delays = new Map<string, Milliseconds>()

  cut(left: string, right: string): void {
    this.#cut.add(key(left, right))
  }

  mend(left: string, right: string): void {
    this.#cut.delete(key(left, right))
  }

  delay(left: string, right: string, milliseconds: Milliseconds): void {
    this.#delays.set(key(left, right), milliseconds)
  }

  /** A router is always joined to itself. */
  joined(left: string, right: string): boolean {
    return left === right || !this.#cut.has(key(left, right))
  }

  delayOf(left: string, right: string): Milliseconds {
    return left === right ? 0 : (this.#delays.get(key(left, right)) ?? 0)
  }
}
