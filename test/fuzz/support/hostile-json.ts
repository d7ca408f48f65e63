import { chance } from './frames.ts'
import { mutate } from './mutate.ts'
import { choose, pick, type Random } from './random.ts'

/** Texts of single values, also of some that no JSON text of ours would have. */
const values = [
  'null', 'true', 'false', '0', '-1', '1', '65535', '65536', '1e999', '-0', '9007199254740993', '0.1', '""', '"a"', '[]', '{}', '[null]', '{"":0}',
  '"\\ud800"', '"\\udc00x"', '"\\u0000"', '"\\u001b[2J"', '"a\\nb"', '"__proto__"', '{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":null,"hasOwnProperty":1}', '"tcp"', '"udp"', '"10.0.0.0/8"', '"::1"', '"::ffff:1.2.3.4/999"', '"*.example.com"', '"*"', '"$dst_ip"', '"$tunneler_id.appData[x"', '"10s"', '"1e9h"',
  '"https://ctrl.example:1280"', '"tls://r.example:3022"', '"tls:::1"', '"file:///dev/null"', '"pem:x"', '"pkcs11://x"',
]
const keys = ['__proto__', 'constructor', 'toString', '', 'data', 'config', 'id', 'name', 'protocols', 'addresses', 'portRanges', 'error', 'ztAPI', 'Protocols', 'PROTOCOLS', '\\ud800']
const deep = 20_000
const long = 1_000_000

/** One value: mostly small, seldom very deep or very long. */
export function anyJson(random: Random, depth = 3): string {
  if (chance(random, 0.002)) return `${'['.repeat(deep)}${']'.repeat(deep)}`
  if (chance(random, 0.002)) return `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`
  if (chance(random, 0.002)) return `"${choose(random, ['x', '1.', '$tunneler_id.appData[', '1:', '-', '-----BEGIN CERTIFICATE-----', '\\n', '*.']).repeat(long / 20)}${choose(random, ['', ']', '-', '.'])}"`
  if (depth === 0 || chance(random, 0.5)) return choose(random, values)
  const parts = Array.from({ length: pick(random, 5) }, () => anyJson(random, depth - 1))
  if (chance(random, 0.5)) return `[${parts.join(',')}]`
  return `{${parts.map((part) => `"${choose(random, keys)}":${part}`).join(',')}}`
}

/** `text` with one to three members replaced, left out, renamed or repeated, or with damaged bytes. */
export function mutateJson(text: string, random: Random): string {
  if (chance(random, 0.15)) return Buffer.from(mutate(Buffer.from(text), random)).toString('utf8')
  let result = text
  for (let count = 1 + pick(random, 3); count > 0; count -= 1) result = changeOne(result, random)
  return result
}

/** Whole values only: a string with its quotes, a number, a word, an empty list. */
const value = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|\[\]|\{\}/g

function changeOne(text: string, random: Random): string {
  const all = [...text.matchAll(value)]
  if (all.length === 0) return anyJson(random)
  const found = choose(random, all)
  const end = found.index + found[0].length
  const isKey = text[end] === ':' || /^\s*:/.test(text.slice(end, end + 8))
  const replacement = isKey ? `"${choose(random, keys)}"` : anyJson(random, 2)
  return text.slice(0, found.index) + replacement + text.slice(end)
}
