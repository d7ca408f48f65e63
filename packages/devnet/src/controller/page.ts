import type { Call } from './call.ts'
import type { Reply } from './reply.ts'
import { fail, succeed } from './reply.ts'

const defaultLimit = 10
/** A bigger limit is cut to this without a word (protocol section 11.2). */
const maximumLimit = 500

/** The elements that the query asks for, with the meta that a list has. `view` is called for those only. */
export function page<T extends { readonly id: string; readonly name?: string }>(
  call: Call, elements: readonly T[], filterableFields: readonly string[], view: (element: T) => unknown,
): Reply {
  const limit = parseCount(call.query.get('limit'), defaultLimit)
  const offset = parseCount(call.query.get('offset'), 0)
  if (limit === undefined || offset === undefined) return fail('INVALID_PAGINATION')
  const matches = parseFilter(call.query.get('filter') ?? '')
  if (matches === undefined) return fail('INVALID_FILTER', { cause: { field: 'filter', reason: 'invalid filter', value: call.query.get('filter') } })
  const found = elements.filter(matches)
  const size = Math.min(limit, maximumLimit)
  const meta = { filterableFields, pagination: { limit: size, offset, totalCount: found.length } }
  return succeed(found.slice(offset, offset + size).map(view), { meta })
}

function parseCount(text: string | null, absent: number): number | undefined {
  if (text === null || text === '') return absent
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

type Matches = (element: { readonly id: string; readonly name?: string }) => boolean

/** The part of Ziti's filter language that clients use: `name = "x"`, `id = "x"`, `contains`, `!=`, `true`. */
function parseFilter(text: string): Matches | undefined {
  if (text === '' || text.trim() === 'true') return () => true
  const [, field, operator, quoted] = /^\s*(name|id)\s*(=|!=|contains)\s*"((?:[^"\\]|\\.){0,1000})"\s*$/i.exec(text) ?? []
  if (field === undefined || operator === undefined || quoted === undefined) return undefined
  const wanted = quoted.replaceAll(/\\(.)/g, '$1')
  return (element) => {
    const value = (field.toLowerCase() === 'id' ? element.id : element.name) ?? ''
    if (operator === '=') return value === wanted
    return operator === '!=' ? value !== wanted : value.includes(wanted)
  }
}
