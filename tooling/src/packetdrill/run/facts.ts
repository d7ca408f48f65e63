/** Numbers by name, as `%{ ... }%` sees them. */
export type Facts = Readonly<Record<string, number>>

const token = /\s*(?:(\d+)|([A-Za-z_]\w*)|("[^"]*"|'[^']*')|(==|!=|<=|>=|\/\/|[-+*/%<>(),]))/y

/**
 * The facts that do not hold, of lines like `assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd`: a small part of Python, read here and never run. Throws an
 * `Error` that says what is not understood.
 */
export function failedFacts(code: string, facts: Facts): string[] {
  const failed: string[] = []
  for (const line of code.split(/[\n;]/)) {
    const statement = line.replace(/#.*/, '').trim()
    if (statement === '') continue
    const assertion = /^assert\b(.*)$/.exec(statement)?.[1]
    if (assertion === undefined) throw new Error(`"${statement}": only "assert" is understood`)
    const reader = new FactReader(assertion, facts)
    const holds = reader.either()
    const said = reader.take(',') ? reader.rest() : undefined
    reader.needEnd()
    if (!holds) failed.push(`${statement}: ${said ?? ''}${reader.seen}`.trimEnd())
  }
  return failed
}

class FactReader {
  readonly #tokens: string[] = []
  readonly #facts: Facts
  readonly #seen = new Map<string, number>()
  #at = 0

  constructor(text: string, facts: Facts) {
    this.#facts = facts
    const source = text.trim()
    token.lastIndex = 0
    while (token.lastIndex < source.length) {
      const { lastIndex } = token
      const found = token.exec(source)
      if (!found) throw new Error(`"${source.slice(lastIndex)}" is not understood`)
      this.#tokens.push(found[0].trim())
    }
  }

  /** What the facts that were named are. */
  get seen(): string {
    return [...this.#seen].map(([name, value]) => `${name} is ${value}`).join(', ')
  }

  take(...words: string[]): string | undefined {
    const word = this.#tokens[this.#at]
    if (word === undefined || !words.includes(word)) return undefined
    this.#at += 1
    return word
  }

  rest(): undefined {
    this.#at = this.#tokens.length
  }

  needEnd(): void {
    if (this.#at < this.#tokens.length) throw new Error(`"${this.#tokens[this.#at]}" is not understood here`)
  }

  either(): boolean | number {
    let value = this.#both()
    while (this.take('or')) {
      const right = this.#both()
      value = value || right
    }
    return value
  }

  #both(): boolean | number {
    let value = this.#not()
    while (this.take('and')) {
      const right = this.#not()
      value = value && right
    }
    return value
  }

  #not(): boolean | number {
    return this.take('not') ? !this.#not() : this.#comparison()
  }

  /** As in Python: `100 <= x <= 200` is both. */
  #comparison(): boolean | number {
    let left = this.#sum()
    let holds: boolean | undefined
    for (let sign = this.take('==', '!=', '<', '<=', '>', '>='); sign; sign = this.take('==', '!=', '<', '<=', '>', '>=')) {
      const right = this.#sum()
      holds = (holds ?? true) && compare(sign, left, right)
      left = right
    }
    return holds ?? left
  }

  #sum(): number {
    let value = this.#product()
    for (let sign = this.take('+', '-'); sign; sign = this.take('+', '-')) value += (sign === '+' ? 1 : -1) * this.#product()
    return value
  }

  #product(): number {
    let value = this.#unary()
    for (let sign = this.take('*', '/', '//', '%'); sign; sign = this.take('*', '/', '//', '%')) {
      const right = this.#unary()
      if (sign === '*') value *= right
      else if (sign === '%') value %= right
      else value = sign === '/' ? value / right : Math.floor(value / right)
    }
    return value
  }

  #unary(): number {
    return this.take('-') ? -this.#unary() : this.#primary()
  }

  #primary(): number {
    const word = this.#tokens[this.#at]
    this.#at += 1
    if (word === '(') {
      const value = this.either()
      if (!this.take(')')) throw new Error('a ")" is missing')
      return Number(value)
    }
    if (word !== undefined && /^\d/.test(word)) return Number(word)
    const value = word !== undefined && Object.hasOwn(this.#facts, word) ? this.#facts[word] : undefined
    if (word === undefined || value === undefined) throw new Error(`"${word ?? ''}" is no fact that is known here: ${Object.keys(this.#facts).join(' ')}`)
    this.#seen.set(word, value)
    return value
  }
}

function compare(sign: string, left: number, right: number): boolean {
  switch (sign) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    default:
      return left >= right
  }
}
