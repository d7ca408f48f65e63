import type { RecordClass, RecordType } from './record-type.ts'

/** What a client asks: one name, one type. */
export interface DnsQuestion {
  /** As asked, the client's upper and lower case kept, without the final dot. The root is `''`. Unusual bytes are escaped (RFC 1035 5.1): `\.`, `\032`. */
  readonly name: string
  /** `name` in lower case (ASCII only, RFC 4343): the key to look up. */
  readonly key: string
  /** `A`, `AAAA`, ..., `TYPE65` for what has no mnemonic here (RFC 3597 5). */
  readonly type: RecordType
  readonly class: RecordClass
}

/** A question by hand: for tests, and for resolvers that ask others. */
export function createQuestion(name: string, type: RecordType): DnsQuestion {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  return { name: bare, key: lowerCaseName(bare), type, class: 'IN' }
}

/** DNS compares ASCII letters without case and nothing else (RFC 4343 3). */
export function lowerCaseName(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
