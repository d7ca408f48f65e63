import type { CallEvent, EventTime, Value } from '../script.ts'
import type { Cursor } from './cursor.ts'

/** `name(arguments) = result`, as strace writes it: `= 3`, `= 0x2 (flags O_RDWR)`, `= -1 EAGAIN (note)`, `= ?`. */
export function parseCall(cursor: Cursor, time: EventTime): CallEvent {
  const [, name = ''] = cursor.needMatch(/([a-z_]\w*)\s*\(/iy, 'a packet ("<" or ">"), a call, a command or facts')
  const { line } = cursor
  const values = parseValues(cursor, ')')
  cursor.need('=', '"=" and the result of the call')
  if (cursor.take('?')) return { type: 'call', name, values, result: undefined, errno: undefined, line, time }
  const result = cursor.needNumber('the result of the call')
  const errno = cursor.match(/E[A-Z0-9]+/y)?.[0]
  if (errno !== undefined && result !== -1) cursor.fail(`a call that fails returns -1, not ${result}`)
  // A note in parentheses is for people.
  cursor.match(/\([^)]*\)/y)
  return { type: 'call', name, values, result, errno, line, time }
}

function parseValues(cursor: Cursor, end: string): Value[] {
  const values: Value[] = []
  while (!cursor.take(end)) {
    if (values.length > 0) cursor.need(',', `"," or "${end}"`)
    values.push(parseValue(cursor))
  }
  return values
}

function parseValue(cursor: Cursor): Value {
  if (cursor.take('...')) return { kind: 'any' }
  if (cursor.take('[')) return { kind: 'list', items: parseValues(cursor, ']') }
  if (cursor.take('{')) return parseRecord(cursor)
  const text = cursor.match(/"((?:\\.|[^"])*)"/y)
  if (text) return { kind: 'text', text: text[1] ?? '' }
  const number = cursor.match(/0x[0-9a-f]+|-?\d+/iy)
  if (number) return { kind: 'number', value: Number(number[0]) }
  const words = [cursor.needMatch(/[a-z_]\w*/iy, 'an argument')[0]]
  while (cursor.take('|')) words.push(cursor.needMatch(/[a-z_]\w*/iy, 'a word after "|"')[0])
  return { kind: 'words', words }
}

/** `{fd=3, events=POLLIN}`. */
function parseRecord(cursor: Cursor): Value {
  const members = new Map<string, Value>()
  while (!cursor.take('}')) {
    if (members.size > 0) cursor.need(',', '"," or "}"')
    const [name] = cursor.needMatch(/[a-z_]\w*/iy, 'a name and "="')
    cursor.need('=')
    members.set(name, parseValue(cursor))
  }
  return { kind: 'record', members }
}
