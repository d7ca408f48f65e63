import type { IncomingHttpHeaders } from 'node:http'

/** A request, read to its end. */
export interface Call {
  readonly method: string
  /** Decoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The TLS client certificate, unverified but for the possession of its key. */
  readonly fingerprint: string | undefined
  readonly remote: { readonly address: string; readonly port: number }
  /** What the pattern of the route took from the path. */
  readonly parameters: Readonly<Record<string, string>>
}

export type Json = Readonly<Record<string, unknown>>

/** The body as a JSON object; an empty body is an empty object, as for a real controller. */
export function parseJsonBody(call: Call): Json | undefined {
  if (call.body.length === 0) return {}
  const value = parseJson(call.body.toString('utf8'))
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Members of a form or of a JSON object: what OIDC takes. A repeated form member is an array. */
export function parseFields(call: Call): Json | undefined {
  if (isJson(call)) return parseJsonBody(call)
  const form = new URLSearchParams(call.body.toString('utf8'))
  return Object.fromEntries([...new Set(form.keys())].map((name) => {
    const values = form.getAll(name)
    return [name, values.length === 1 ? values[0] : values]
  }))
}

export const isJson = (call: Call): boolean => (call.headers['content-type'] ?? '').startsWith('application/json')

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** One text or several; of many only as many, and of long ones only as much, as a session may remember. */
export function textsOf(value: unknown): string[] {
  return [value].flat().filter((one) => typeof one === 'string').slice(0, 64).map((one) => one.slice(0, 128))
}
