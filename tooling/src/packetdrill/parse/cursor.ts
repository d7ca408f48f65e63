import { ScriptError } from '../script-error.ts'

const blank = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y

/** A place in a script. Blanks and comments (as in C and C++) are passed over before everything that is taken. */
export class Cursor {
  readonly file: string
  readonly #text: string
  #at = 0
  #line = 1
  #lineAt = 0

  constructor(file: string, text: string) {
    this.file = file
    this.#text = text
  }

  get line(): number {
    for (; this.#lineAt < this.#at; this.#lineAt += 1) if (this.#text[this.#lineAt] === '\n') this.#line += 1
    return this.#line
  }

  /** Nothing is left but blanks and comments. */
  get atEnd(): boolean {
    this.#skip()
    return this.#at === this.#text.length
  }

  /** What `pattern` matches here, with its groups; `pattern` is sticky. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    this.#skip()
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (!found) return undefined
    this.#at += found[0].length
    return found
  }

  take(literal: string): boolean {
    this.#skip()
    if (!this.#text.startsWith(literal, this.#at)) return false
    this.#at += literal.length
    return true
  }

  /** `what`: in words, for who reads the complaint. */
  need(literal: string, what = `"${literal}"`): void {
    if (!this.take(literal)) this.fail(`expected ${what}, found ${this.#here}`)
  }

  needMatch(pattern: RegExp, what: string): RegExpExecArray {
    return this.match(pattern) ?? this.fail(`expected ${what}, found ${this.#here}`)
  }

  needNumber(what: string): number {
    return Number(this.needMatch(/0x[0-9a-f]+|-?\d+/iy, what)[0])
  }

  fail(what: string, line = this.line): never {
    throw new ScriptError(this.file, line, what)
  }

  get #here(): string {
    this.#skip()
    const [rest = ''] = this.#text.slice(this.#at, this.#at + 30).split('\n')
    return rest === '' ? 'the end' : `"${rest.trim()}"`
  }

  #skip(): void {
    blank.lastIndex = this.#at
    this.#at += blank.exec(this.#text)?.[0].length ?? 0
  }
}
