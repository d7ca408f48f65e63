// What a service name, a refusal text or a file may contain and a log line may not: C0 and C1 controls (line breaks
// forge lines, ESC and CSI drive the terminal), line and paragraph separators, and bidirectional overrides, which
// make a line read differently from what it says.
// eslint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const asUnicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text that stays on its line and leaves the terminal alone. */
export function escapeText(text: string): string {
  return text.replace(unsafe, (character) => short[character] ?? asUnicodeEscape(character))
}

/** The same for JSON text, in which line breaks are already escaped and the rest stays valid JSON. */
export function escapeJson(json: string): string {
  return json.replace(unsafe, asUnicodeEscape)
}

/** A JSON document over several lines, for a terminal as well as for a program. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2).split('\n').map(escapeJson).join('\n')}\n`
}
