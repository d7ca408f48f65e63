import { crc32 } from 'node:zlib'
import type { HostChange } from '@tunnel/flow'
import type { Instance } from './instance.ts'

/** How one change is undone: what is left of a `HostChange` when its process is gone. */
export type Undo = Omit<HostChange, 'undo'>

export type JournalRecord =
  | { readonly type: 'header'; readonly version: number; readonly instance: Instance }
  | { readonly type: 'undo'; readonly id: number; readonly undo: Undo }
  /** These have been undone: nothing is to be done for them any more. */
  | { readonly type: 'undone'; readonly ids: readonly number[] }

export const journalVersion = 1
/** A file that is replaced is kept in its record, twice, in base64: this leaves room for files of 5 MiB. */
export const recordLimitBytes = 16 << 20

/**
 * One line: CRC-32 of the rest in hexadecimal, a space, JSON. The check sum finds a line whose pages did not all reach the
 * disk before a power cut, and the hand of an editor.
 */
export function encodeRecord(record: JournalRecord): string {
  const json = JSON.stringify(record)
  return `${checksum(json)} ${json}\n`
}

/** `line` without its line feed. */
export function parseRecord(line: string): JournalRecord | undefined {
  if (line.length > recordLimitBytes || line[8] !== ' ') return undefined
  const json = line.slice(9)
  if (checksum(json) !== line.slice(0, 8)) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

type Fields = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is JournalRecord {
  if (!isObject(value)) return false
  if (value.type === 'header') return isCount(value.version) && (value.version !== journalVersion || isInstance(value.instance))
  if (value.type === 'undo') return isCount(value.id) && isUndo(value.undo)
  return value.type === 'undone' && Array.isArray(value.ids) && value.ids.every(isCount)
}

function isInstance(value: unknown): value is Instance {
  if (!isObject(value) || !isCount(value.pid) || !isCount(value.group)) return false
  const texts = ['boot', 'started', 'networkNamespace', 'mountNamespace', 'pidNamespace', 'files']
  return texts.every((name) => typeof value[name] === 'string')
}

function isUndo(value: unknown): value is Undo {
  if (!isObject(value) || typeof value.kind !== 'string' || typeof value.summary !== 'string') return false
  return isObject(value.parameters) && Object.values(value.parameters).every(isScalar)
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
