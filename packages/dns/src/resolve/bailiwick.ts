import { ByteReader } from '../message/byte-reader.ts'
import type { MessageOutline, RecordPlace } from '../message/outline.ts'
import { lowerCaseName } from '../message/question.ts'

const types = { CNAME: 5, SOA: 6, DNAME: 39, RRSIG: 46, ANY: 255 } as const
const classIn = 1
/** Longer chains of aliases do not occur in earnest; resolvers stop at 8 to 17. */
const longestChain = 32

/** A question as a key: the name in lower case, and the type's number. */
export interface AskedFor {
  readonly key: string
  readonly type: number
}

/**
 * Where the aliases of the answer section end, in lower case; `undefined` when a record there does not belong to the
 * question: it has another owner than the name asked for or an alias of it, or a type that was not asked for. Such an
 * answer is an attempt to have something believed that nobody asked for (RFC 5452 6), or a mistake.
 */
export function finalName(outline: MessageOutline, { key, type }: AskedFor): string | undefined {
  const answers = outline.records.filter(({ section }) => section === 'answer')
  const chain = aliasChain(outline, answers, key)
  if (!chain) return undefined
  return answers.every((place) => belongs(place, type, chain)) ? [...chain].at(-1) : undefined
}

/** The SOA record by which a negative answer for `name` may be kept: its zone must hold the name (RFC 2308 5). */
export function soaOf(outline: MessageOutline, name: string): { ttl: number; minimum: number } | undefined {
  const place = outline.records.find(({ section, type, class: recordClass }) => section === 'authority' && type === types.SOA && recordClass === classIn)
  if (!place || !isAtOrBelow(name, lowerCaseName(place.owner))) return undefined
  // MINIMUM is the last of the five numbers at the end of the data (RFC 1035 3.3.13).
  if (place.end - place.dataAt < 22) return undefined
  const reader = new ByteReader(outline.bytes, place.end - 4)
  return { ttl: place.ttl, minimum: reader.u32() }
}

export function isAtOrBelow(name: string, zone: string): boolean {
  return zone === '' || name === zone || (name.endsWith(zone) && name[name.length - zone.length - 1] === '.')
}

/** The name and its aliases, in order. The records may come in any order. */
function aliasChain(outline: MessageOutline, answers: readonly RecordPlace[], key: string): Set<string> | undefined {
  const aliases = new Map<string, RecordPlace>()
  for (const place of answers) if (place.type === types.CNAME) aliases.set(lowerCaseName(place.owner), place)
  const chain = new Set([key])
  for (let next = aliases.get(key); next; ) {
    const reader = new ByteReader(outline.bytes, next.dataAt)
    const target = lowerCaseName(reader.name())
    if (reader.failed || reader.at !== next.end || chain.has(target) || chain.size >= longestChain) return undefined
    chain.add(target)
    next = aliases.get(target)
  }
  return chain
}

function belongs(place: RecordPlace, asked: number, chain: ReadonlySet<string>): boolean {
  if (place.class !== classIn) return false
  const owner = lowerCaseName(place.owner)
  // RFC 6672 3.1: a DNAME stands above the name that is renamed, and the CNAME made from it is there too.
  if (place.type === types.DNAME || place.type === types.RRSIG) return [...chain].some((name) => isAtOrBelow(name, owner))
  const isWanted = place.type === asked || place.type === types.CNAME || asked === types.ANY
  return isWanted && chain.has(owner)
}
