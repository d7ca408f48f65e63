import { CodedError } from '@tunnel/flow'

/** What a parser of foreign input gives: the value, or one error that a person can act on. Never thrown. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: CodedError }

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value }
}

export function notParsed(code: string, message: string, detail: CodedError['detail'] = {}): Parsed<never> {
  return { ok: false, error: new CodedError(code, message, { detail }) }
}
