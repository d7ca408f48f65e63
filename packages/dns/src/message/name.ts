import { CodedError } from '@tunnel/flow'

/** RFC 1035 3.1, 2.3.4. */
export const maxNameBytes = 255
export const maxLabelBytes = 63

const dot = 0x2e
const backslash = 0x5c

/** Node's own decoder where there is one: it is four times as fast on short names as what browsers have. */
const latin1Slice = (globalThis as { Buffer?: { prototype?: { latin1Slice?: (this: Uint8Array, from: number, to: number) => string } } }).Buffer?.prototype?.latin1Slice

/** A label's bytes that need no escape as text. */
export function plainText(bytes: Uint8Array, from: number, to: number): string {
  if (latin1Slice) return latin1Slice.call(bytes, from, to)
  let text = ''
  for (let at = from; at < to; at += 1) text += String.fromCharCode(bytes[at] ?? 0)
  return text
}

/** Printable ASCII but for the two that have a meaning in text. */
export const isPlain = (byte: number): boolean => byte > 0x20 && byte < 0x7f && byte !== dot && byte !== backslash

/** RFC 1035 5.1: a byte that would not be read back as itself is `\.`, `\\` or `\DDD`. Two names are equal only if their texts are. */
export function labelText(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0
    if (isPlain(byte)) text += String.fromCharCode(byte)
    else text += byte === dot || byte === backslash ? `\\${String.fromCharCode(byte)}` : `\\${String(byte).padStart(3, '0')}`
  }
  return text
}

/** The labels of a name in text, as bytes. Throws `dns.invalid-name`. `''` and `.` are the root. */
export function nameLabels(name: string): Uint8Array[] {
  const bare = name === '.' ? '' : name.replace(/(?<!\\)((?:\\\\)*)\.$/, '$1')
  if (bare === '') return []
  const labels = bare.includes('\\') ? splitEscaped(bare) : bare.split('.').map((label) => new TextEncoder().encode(label))
  let total = 1
  for (const { length } of labels) {
    if (length === 0) throw invalid(name, 'it has an empty label')
    if (length > maxLabelBytes) throw invalid(name, `a label is longer than ${maxLabelBytes} bytes`)
    total += length + 1
  }
  if (total > maxNameBytes) throw invalid(name, `it is longer than ${maxNameBytes} bytes`)
  return labels
}

/** Uncompressed wire form. Throws `dns.invalid-name`. */
export function encodeName(name: string): Uint8Array {
  const labels = nameLabels(name)
  const bytes = new Uint8Array(labels.reduce((sum, { length }) => sum + length + 1, 1))
  let at = 0
  for (const label of labels) {
    bytes[at] = label.length
    bytes.set(label, at + 1)
    at += label.length + 1
  }
  return bytes
}

function splitEscaped(name: string): Uint8Array[] {
  const labels: number[][] = [[]]
  // An escape, a dot, or a run of anything else.
  for (const [token] of name.matchAll(/\\\d{3}|\\\D|\.|[^.\\]+|\\/g)) {
    const label = labels.at(-1) ?? []
    if (token === '.') labels.push([])
    else if (!token.startsWith('\\')) label.push(...new TextEncoder().encode(token))
    else if (token.length === 4 && Number(token.slice(1)) < 256) label.push(Number(token.slice(1)))
    else if (token.length === 2) label.push(...new TextEncoder().encode(token.slice(1)))
    else throw invalid(name, `'${token}' is no escape`)
  }
  return labels.map((label) => Uint8Array.from(label))
}

function invalid(name: string, why: string): CodedError {
  return new CodedError('dns.invalid-name', `'${name}' cannot be a DNS name: ${why}`, { detail: { name } })
}
