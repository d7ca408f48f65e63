import { CodedError } from '@tunnel/flow'
import * as z from 'zod'
import { notParsed, parsed } from '../parsed.ts'
import type { Parsed } from '../parsed.ts'

/**
 * An object as Go's tools read one: member names match whatever their case, `null` is the same as absent, unknown
 * members are ignored (protocol section 6). `aliases` are other spellings, from them to the right one.
 */
export function members<Shape extends z.ZodRawShape>(shape: Shape, aliases: Readonly<Record<string, string>> = {}) {
  const known = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]))
  for (const [alias, name] of Object.entries(aliases)) known.set(alias.toLowerCase(), name)
  return z.preprocess((input) => renameMembers(input, known), z.object(shape))
}

function renameMembers(input: unknown, known: ReadonlyMap<string, string>): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input
  const renamed = new Map<string, unknown>()
  for (const [written, value] of Object.entries(input)) {
    if (value === null || value === undefined) continue
    const name = known.get(written.toLowerCase())
    // Of two spellings the exact one counts.
    if (name !== undefined && (name === written || !renamed.has(name))) renamed.set(name, value)
  }
  return Object.fromEntries(renamed)
}

/** Runs a schema over foreign JSON; the error names the config type and the first field that is wrong. */
export function parseConfig<T>(type: string, schema: z.ZodType<T>, json: unknown): Parsed<T> {
  const result = schema.safeParse(json)
  if (result.success) return parsed(result.data)
  const { path, message } = firstIssue(result.error)
  const where = path === '' ? type : `${type}, ${path}`
  return notParsed('config.invalid', `${where}: ${message}`, { type, field: path })
}

/** The error of a config as the error of a service's config. */
export function inService<T>(service: string, result: Parsed<T>): Parsed<T> {
  if (result.ok) return result
  const { code, message, detail } = result.error
  return { ok: false, error: new CodedError(code, `service ${JSON.stringify(service)}: ${message}`, { detail: { ...detail, service } }) }
}

/** Longest part of a message that is taken from foreign input. */
const messageCharacters = 200

export function firstIssue(error: z.ZodError): { path: string; message: string } {
  const [issue] = error.issues
  if (!issue) return { path: '', message: 'is not valid' }
  return { path: formatPath(issue.path), message: plainMessage(issue.message).slice(0, messageCharacters) }
}

function plainMessage(message: string): string {
  return message.replace(/^Invalid input: /, '').replace('received undefined', 'but it is missing').replace('received', 'but it is')
}

/** `portRanges[0].low` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? String(step) : `${text}.${String(step)}`
  }, '')
}
