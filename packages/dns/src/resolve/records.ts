import { CodedError } from '@tunnel/flow'
import { ByteWriter } from '../message/byte-writer.ts'
import { nameLabels } from '../message/name.ts'
import { createQuestion } from '../message/question.ts'
import type { DnsRecord, SoaData } from '../message/record.ts'
import { writeData } from '../message/record-data.ts'
import { recordTypeName, recordTypeNumber } from '../message/record-type.ts'
import { isAtOrBelow } from './bailiwick.ts'
import type { Answer, RecordsAnswer, ResolverObject } from './resolver.ts'

type OneOrMore<T> = T | readonly T[]

/** What stands at one name. A single value may be written without the list around it. */
export interface ZoneEntry {
  readonly A?: OneOrMore<string>
  readonly AAAA?: OneOrMore<string>
  /** Each value is one record; a list in the list is one record of several strings. */
  readonly TXT?: string | readonly (string | readonly string[])[]
  /** One, and nothing else beside it (RFC 1034 3.6.2). */
  readonly CNAME?: string
  readonly PTR?: OneOrMore<string>
  readonly NS?: OneOrMore<string>
  readonly MX?: OneOrMore<{ readonly preference: number; readonly exchange: string }>
  readonly SRV?: OneOrMore<{ readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }>
  readonly CAA?: OneOrMore<{ readonly flags: number; readonly tag: string; readonly value: string }>
  /** This name is the top of a zone of ours: names below it that are not here do not exist. */
  readonly SOA?: SoaData
  /** Seconds, of all records of this name. */
  readonly ttl?: number
}

export type Zone = Readonly<Record<string, ZoneEntry>>

export interface RecordsOptions {
  /** Seconds, of entries without their own: 60. */
  readonly ttl?: number
  /** Zones of ours, as by a SOA: `lan` owns every name below it, and one that is not here is NXDOMAIN. */
  readonly zones?: readonly string[]
}

/** One name, or one wildcard: its answers made ready. */
interface Node {
  readonly answers: ReadonlyMap<string, RecordsAnswer>
  readonly alias: string | undefined
  readonly all: readonly DnsRecord[]
}

interface OwnZone {
  readonly apex: string
  readonly nodata: Answer
  readonly nxdomain: Answer
}

/** As RFC 1034 3.6.2 wishes loops of aliases to be caught. */
const longestChain = 8
/** More than any name takes; what does not fit is not written. */
const trialBytes = 1024
const nodata: Answer = { records: [], authoritative: true }

/**
 * Answers out of an object: `{ 'db.lan': { A: '10.0.0.5' }, '*.apps.lan': { A: '10.0.0.6' } }`. A name that is here and
 * has no record of the type is NODATA. A name that is not here is the next resolver's, but NXDOMAIN below a zone of
 * ours: a name with a SOA record, or one of `zones`. Wildcards are those of RFC 4592. An alias is followed as far as it
 * stays in the object.
 */
export function records(zone: Zone, options: RecordsOptions = {}): ResolverObject {
  const { ttl = 60 } = options
  const nodes = new Map(Object.entries(zone).map(([name, entry]) => [keyOf(name), createNode(name, entry, ttl)]))
  const zones = ownZones(nodes, options.zones ?? [], ttl)
  const inner = innerNames(nodes.keys())

  const answer = (key: string, type: string): Answer | undefined => {
    const own = zones.find(({ apex }) => isAtOrBelow(key, apex))
    const node = nodes.get(key) ?? (inner.has(key) ? undefined : wildcardOf(key, nodes, inner))
    if (!node) return inner.has(key) ? own?.nodata : own?.nxdomain
    if (type === 'ANY') return { records: node.all, authoritative: true }
    const direct = node.answers.get(type)
    if (direct) return direct
    return node.alias === undefined ? (own?.nodata ?? nodata) : follow(nodes, inner, node, type)
  }
  return { resolve: ({ key, type }) => answer(key, type) }
}

/** The alias, and what is at its end if that is here. The records of names other than the question's say whose they are. */
function follow(nodes: ReadonlyMap<string, Node>, inner: ReadonlySet<string>, first: Node, type: string): Answer {
  const found: DnsRecord[] = []
  let node: Node | undefined = first
  let name: string | undefined
  for (let links = 0; node && links < longestChain; links += 1) {
    const direct: RecordsAnswer | undefined = node.answers.get(type) ?? node.answers.get('CNAME')
    for (const record of direct?.records ?? []) found.push(name === undefined ? record : Object.assign({ ...record }, { name }))
    name = node.answers.has(type) ? undefined : node.alias
    if (name === undefined) break
    const key = keyOf(name)
    node = nodes.get(key) ?? (inner.has(key) ? undefined : wildcardOf(key, nodes, inner))
  }
  return { records: found, authoritative: true }
}

/**
 * RFC 4592 3.3.1: only the wildcard right below the closest name that exists stands for a name. Names exist also by
 * having others below them.
 */
function wildcardOf(key: string, nodes: ReadonlyMap<string, Node>, inner: ReadonlySet<string>): Node | undefined {
  for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
    const encloser = key.slice(dot + 1)
    const wildcard = nodes.get(`*.${encloser}`)
    if (wildcard || nodes.has(encloser) || inner.has(encloser)) return wildcard
  }
  return undefined
}

/** Every name above one of the names (RFC 4592 2.2.2). */
function innerNames(keys: Iterable<string>): Set<string> {
  const inner = new Set<string>()
  for (const key of keys) {
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) inner.add(key.slice(dot + 1))
  }
  return inner
}

/** The innermost first. */
function ownZones(nodes: ReadonlyMap<string, Node>, listed: readonly string[], ttl: number): OwnZone[] {
  const apexes = new Set(listed.map(keyOf))
  for (const [key, { answers }] of nodes) if (answers.has('SOA')) apexes.add(key)
  return [...apexes]
    .sort((left, right) => right.length - left.length)
    .map((apex) => {
      const authority = [soaRecord(apex, nodes.get(apex)?.answers.get('SOA')?.records[0], ttl)]
      return {
        apex,
        nodata: { records: [], authoritative: true, authority },
        nxdomain: { records: [], rcode: 'NXDOMAIN', authoritative: true, authority },
      }
    })
}

/** What lets a client keep a negative answer (RFC 2308 3). */
function soaRecord(apex: string, written: DnsRecord | undefined, ttl: number): DnsRecord {
  if (written?.type === 'SOA') return { ...written, name: apex, ttl: Math.min(written.ttl, written.data.minimum) }
  const data = { mname: apex, rname: apex === '' ? 'hostmaster' : `hostmaster.${apex}`, serial: 1, refresh: 3600, retry: 600, expire: 86_400, minimum: ttl }
  return { name: apex, type: 'SOA', ttl, data }
}

function createNode(name: string, entry: ZoneEntry, defaultTtl: number): Node {
  const { ttl = defaultTtl, ...byType } = entry
  const answers = new Map<string, RecordsAnswer>()
  for (const [type, value] of Object.entries(byType)) {
    if (value === undefined) continue
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    const all = list.map((data) => recordOf(name, type, ttl, data))
    for (const record of all) checkRecord(name, record)
    answers.set(canonicalType(name, type), { records: all, authoritative: true })
  }
  if (entry.CNAME !== undefined && answers.size > 1) throw invalid(name, 'a CNAME has no other records beside it (RFC 1034 3.6.2)')
  return { answers, alias: entry.CNAME, all: [...answers.values()].flatMap((answer) => answer.records) }
}

function recordOf(name: string, type: string, ttl: number, data: unknown): DnsRecord {
  const strings = type === 'TXT' ? txtStrings(data) : data
  return { type: canonicalType(name, type), ttl, data: strings } as DnsRecord
}

/** Written for a trial, so that a mistake is told now, by name, and not at the first question. */
function checkRecord(name: string, record: DnsRecord): void {
  writeData(new ByteWriter(trialBytes), Object.assign({ ...record }, { name }))
}

/** A text that is longer than one string holds (255 bytes) becomes several, which readers put together (RFC 7208 3.3). */
function txtStrings(data: unknown): unknown {
  if (typeof data !== 'string') return data
  // A character takes at most four bytes.
  const pieces = /^[\0-\x7f]*$/.test(data) ? /[\s\S]{1,255}/gu : /[\s\S]{1,63}/gu
  return data.match(pieces) ?? ['']
}

function canonicalType(name: string, type: string): string {
  const number = recordTypeNumber(type)
  if (number === undefined) throw invalid(name, `"${type}" is no record type`)
  return recordTypeName(number)
}

function keyOf(name: string): string {
  nameLabels(name)
  return createQuestion(name, 'A').key
}

function invalid(name: string, why: string): CodedError {
  return new CodedError('dns.invalid-record', `The records of ${name} cannot be: ${why}`, { detail: { name } })
}
