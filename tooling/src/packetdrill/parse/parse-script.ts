import type { EventTime, Script, ScriptEvent, ScriptOption } from '../script.ts'
import type { Cursor } from './cursor.ts'
import { Cursor as ScriptCursor } from './cursor.ts'
import { parseCall } from './parse-call.ts'
import { parsePacket } from './parse-packet.ts'

const seconds = /\d*\.\d+|\d+\.?(?!\.)|\d+/y

/** Reads a script. Throws `ScriptError` with file and line where it is not of the language, or of the part of it that is known here. */
export function parseScript(file: string, text: string): Script {
  const cursor = new ScriptCursor(file, text)
  const options = parseOptions(cursor)
  const events: ScriptEvent[] = []
  while (!cursor.atEnd) events.push(parseEvent(cursor))
  if (events.length === 0) cursor.fail('a script without events')
  return { file, options, events }
}

function parseOptions(cursor: Cursor): Map<string, ScriptOption> {
  const options = new Map<string, ScriptOption>()
  for (let found = cursor.match(/--([a-z_0-9]+)(?:=(\S*))?/y); found; found = cursor.match(/--([a-z_0-9]+)(?:=(\S*))?/y)) {
    options.set(found[1] ?? '', { value: found[2] ?? '', line: cursor.line })
  }
  return options
}

const atOnce: EventTime = { origin: 'previous', from: 0, to: 0, returns: undefined }

function parseEvent(cursor: Cursor): ScriptEvent {
  // A command or facts may stand without a time: they happen when what is before them has.
  const untimed = parseUntimed(cursor, atOnce)
  if (untimed) return untimed
  const time = parseTime(cursor)
  const event = parseUntimed(cursor, time)
  if (event) return event
  const { line } = cursor
  if (cursor.take('<')) return { type: 'packet', direction: 'in', packet: parsePacket(cursor, 'in'), line, time }
  if (cursor.take('>')) return { type: 'packet', direction: 'out', packet: parsePacket(cursor, 'out'), line, time }
  return parseCall(cursor, time)
}

function parseUntimed(cursor: Cursor, time: EventTime): ScriptEvent | undefined {
  const command = cursor.match(/`((?:\\.|[^`])*)`/y)
  if (command) return { type: 'command', text: command[1] ?? '', line: cursor.line, time }
  if (!cursor.take('%{')) return undefined
  const { line } = cursor
  const code = cursor.needMatch(/([\s\S]*?)\}%/y, '"}%" at the end of the facts')
  return { type: 'facts', text: code[1] ?? '', line, time }
}

/** `0.5`, `+.1`, `+.2~+.3`, `+0...0.2` (both relative), `*`. */
function parseTime(cursor: Cursor): EventTime {
  if (cursor.take('*')) return { origin: 'any', from: 0, to: 0, returns: undefined }
  const origin = cursor.take('+') ? 'previous' : 'start'
  const from = parseSeconds(cursor)
  if (cursor.take('~')) {
    if (cursor.take('+') !== (origin === 'previous')) cursor.fail('both ends of a range of times are relative ("+") or neither is')
    const to = parseSeconds(cursor)
    if (to < from) cursor.fail('a range of times that ends before it begins')
    return { origin, from, to, returns: undefined }
  }
  if (!cursor.take('...')) return { origin, from, to: from, returns: undefined }
  const returns = parseSeconds(cursor)
  if (returns < from) cursor.fail('a call that returns before it begins')
  return { origin, from, to: from, returns }
}

/** In milliseconds, whole microseconds. */
function parseSeconds(cursor: Cursor): number {
  const [text] = cursor.needMatch(seconds, 'a time, a packet ("<" or ">"), a call, a command or facts')
  return Math.round(Number(text) * 1e6) / 1e3
}
