import { copyBytes } from '@tunnel/flow'
import { labelText, plainText, isPlain } from './name.ts'
import { lowerCaseName, type DnsQuestion } from './question.ts'
import { recordTypeName } from './record-type.ts'

/** A question as it stood in a message: what it says, and its own bytes for the answer to repeat. */
export interface Asked {
  readonly question: DnsQuestion
  /** Name, type and class as they came, with the client's own upper and lower case. */
  readonly bytes: Uint8Array
  /** What was written for this question last time, and for which answer. */
  memo: AnswerMemo | undefined
}

/** The records of an answer as bytes: an answer that a resolver gives again and again is written once. */
export interface AnswerMemo {
  readonly answer: object
  readonly records: Uint8Array
  readonly counts: readonly [answers: number, authority: number, additional: number]
}

const slots = 1024

/**
 * The questions that were asked last, by their bytes. Most of what a server hears it has just heard, and then no text and no object is made. One slot a
 * hash: somebody who asks for other names all the time costs the others their shortcut, and nothing else.
 */
export class AskedQuestions {
  readonly #slots: (Asked | undefined)[] = Array.from({ length: slots })

  /** The question whose name, type and class are the bytes from `from` to `to`. `hash` is of the same bytes. */
  at(message: Uint8Array, from: number, to: number, hash: number): Asked {
    const slot = hash & (slots - 1)
    const known = this.#slots[slot]
    if (known && isSame(known.bytes, message, from, to)) return known
    const asked: Asked = { question: readQuestion(message, from, to), bytes: copyBytes(message.subarray(from, to)), memo: undefined }
    this.#slots[slot] = asked
    return asked
  }
}

function isSame(bytes: Uint8Array, message: Uint8Array, from: number, to: number): boolean {
  if (bytes.length !== to - from) return false
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== message[from + at]) return false
  return true
}

/** The bytes are known to be a name, a type and a class. */
function readQuestion(message: Uint8Array, from: number, to: number): DnsQuestion {
  const labels: string[] = []
  const end = to - 5
  for (let at = from; at < end; at += 1 + (message[at] ?? 0)) labels.push(textOf(message, at + 1, at + 1 + (message[at] ?? 0)))
  const name = labels.join('.')
  return { name, key: lowerCaseName(name), type: recordTypeName((message[to - 4] ?? 0) * 256 + (message[to - 3] ?? 0)), class: 'IN' }
}

function textOf(message: Uint8Array, from: number, to: number): string {
  for (let at = from; at < to; at += 1) if (!isPlain(message[at] ?? 0)) return labelText(message, from, to)
  return plainText(message, from, to)
}
