import type { CallEvent, Value } from '../script.ts'

/** Reads the arguments of a call by place. What is wrong is thrown as an `Error` in words. */
export class Arguments {
  readonly #call: CallEvent

  constructor(call: CallEvent) {
    this.#call = call
  }

  number(index: number): number {
    const value = this.#call.values[index]
    if (value?.kind !== 'number') throw new Error(`argument ${index + 1} of ${this.#call.name} must be a number`)
    return value.value
  }

  word(index: number): string {
    return this.words(index).join('|')
  }

  words(index: number): readonly string[] {
    const value = this.#call.values[index]
    if (value?.kind !== 'words') throw new Error(`argument ${index + 1} of ${this.#call.name} must be a word`)
    return value.words
  }

  /** Zero and absent are no words. */
  has(index: number, word: string): boolean {
    const value = this.#call.values[index]
    return value?.kind === 'words' && value.words.includes(word)
  }

  /** `[5]`. */
  numberInList(index: number): number {
    const [first] = this.list(index)
    if (first?.kind !== 'number') throw new Error(`argument ${index + 1} of ${this.#call.name} must be a number in brackets, as in [1]`)
    return first.value
  }

  list(index: number): readonly Value[] {
    const value = this.#call.values[index]
    if (value?.kind !== 'list') throw new Error(`argument ${index + 1} of ${this.#call.name} must be a list in brackets`)
    return value.items
  }

  /** A member of the record at `index`, or of the first record of the list there. */
  member(index: number, name: string, of: Value | undefined = this.#call.values[index]): Value {
    const record = of?.kind === 'list' ? of.items[0] : of
    const value = record?.kind === 'record' ? record.members.get(name) : undefined
    if (!value) throw new Error(`argument ${index + 1} of ${this.#call.name} needs "${name}="`)
    return value
  }

  memberNumber(index: number, name: string): number {
    const value = this.member(index, name)
    if (value.kind !== 'number') throw new Error(`"${name}" of ${this.#call.name} must be a number`)
    return value.value
  }
}
