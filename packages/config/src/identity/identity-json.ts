import { CodedError } from '@tunnel/flow'
import * as z from 'zod'
import { firstIssue } from '../service/members.ts'

const text = z.string().nullish()

/** The members that we read (protocol section 1.1); all others are kept by `raw` alone. */
const identityJson = z.object({
  ztAPI: text,
  ztAPIs: z.array(z.string()).nullish(),
  configTypes: z.array(z.string()).nullish(),
  id: z.object({ key: text, cert: text, ca: text }).nullish(),
})

export interface IdentityJson {
  readonly fields: z.infer<typeof identityJson>
  readonly raw: Readonly<Record<string, unknown>>
}

/** Throws `identity.not-json` or `identity.field`. */
export function parseIdentityJson(content: string, name: string): IdentityJson {
  const raw = parseObject(content, name)
  const result = identityJson.safeParse(raw)
  if (!result.success) {
    const { path, message } = firstIssue(result.error)
    throw fieldError(name, path, message)
  }
  return { fields: result.data, raw }
}

export function fieldError(name: string, field: string, message: string, cause?: unknown): CodedError {
  return new CodedError('identity.field', `identity ${name}, field ${field}: ${message}`, { detail: { file: name, field }, cause })
}

function parseObject(content: string, name: string): Record<string, unknown> {
  // Editors on Windows put a byte order mark in front.
  const json = content.replace(/^\uFEFF/, '').trim()
  if (json === '') throw notJson(name, 'is empty; give what enrollment wrote, from a copy if need be, or enroll again')
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The parser's own error quotes the file, which holds a private key: it goes no further.
    throw notJson(name, `is not JSON${looksLike(json)}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw notJson(name, 'is JSON, but not an object { ... } with "ztAPI" and "id"')
}

function notJson(name: string, what: string): CodedError {
  return new CodedError('identity.not-json', `identity ${name} ${what}`, { detail: { file: name } })
}

/** What people give instead of an identity. */
function looksLike(content: string): string {
  if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(content)) return ' but an enrollment token; enroll it first, and use the file that this writes'
  if (content.startsWith('-----BEGIN')) return ' but a PEM file; the identity is the .json file that enrollment wrote'
  return '; use the file that enrollment wrote, unchanged'
}
