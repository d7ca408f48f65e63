import { CodedError } from '@tunnel/flow'
import { lowerCaseName } from '../message/question.ts'

/**
 * A set of names and wildcards that is asked for every question. `*.wild.ziti` stands for every name below `wild.ziti`,
 * at any depth, and not for `wild.ziti` itself; `*` for every name. Case does not count, nor a final dot. The cost of a
 * look-up is one hash look-up per label of the name, however many patterns there are.
 */
export interface NameSet {
  /** All or nothing: throws `dns.bad-pattern` for what is no name, and then nothing has changed. */
  replace(patterns: readonly string[]): void
  matches(name: string): boolean
  /** The pattern that fits best, in lower case: the name itself, else the wildcard with the longest suffix. */
  find(name: string): string | undefined
  readonly size: number
  /** Another number after each `replace`: what was found before may be kept as long as it stays the same. */
  readonly version: number
}

/** RFC 1035 3.1: 255 bytes on the wire, which is 253 characters of text. */
const longestName = 253
/** Printable ASCII but the dot, which ends a label. Service names hold `_`, and it is legal in DNS (RFC 2181 11). */
const label = /^[!-)+\-/-~]{1,63}$/

/** How names are kept and compared: lower case, without the dot of a fully qualified name. */
export function normalizeName(name: string): string {
  return lowerCaseName(name.endsWith('.') ? name.slice(0, -1) : name)
}

export function createNameSet(patterns: readonly string[] = []): NameSet {
  let exact = new Set<string>()
  /** By suffix: `wild.ziti` for `*.wild.ziti`; the empty one for `*`. */
  let wildcards = new Map<string, string>()
  let version = 0

  const set: NameSet = {
    replace(next) {
      const names = new Set<string>()
      const suffixes = new Map<string, string>()
      for (const text of next) {
        const pattern = parsePattern(text)
        if (pattern === '*') suffixes.set('', pattern)
        else if (pattern.startsWith('*.')) suffixes.set(pattern.slice(2), pattern)
        else names.add(pattern)
      }
      exact = names
      wildcards = suffixes
      version += 1
    },
    matches: (name) => set.find(name) !== undefined,
    find(name) {
      const normal = normalizeName(name)
      if (exact.has(normal)) return normal
      return wildcards.size === 0 || normal === '' ? undefined : findWildcard(wildcards, normal)
    },
    get size() {
      return exact.size + wildcards.size
    },
    get version() {
      return version
    },
  }
  set.replace(patterns)
  return set
}

function findWildcard(wildcards: ReadonlyMap<string, string>, name: string): string | undefined {
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const found = wildcards.get(name.slice(dot + 1))
    if (found !== undefined) return found
  }
  return wildcards.get('')
}

function parsePattern(text: string): string {
  const pattern = normalizeName(text)
  if (pattern === '*') return pattern
  const name = pattern.startsWith('*.') ? pattern.slice(2) : pattern
  if (name !== '' && name !== '*' && pattern.length <= longestName && name.split('.').every((part) => label.test(part))) return pattern
  throw new CodedError('dns.bad-pattern', `"${text}" is no name and no wildcard. Write names as db.example, wildcards as *.example.`, {
    detail: { pattern: text },
  })
}
