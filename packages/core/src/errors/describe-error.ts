import { isCodedError } from '@tunnel/flow'
import { errorGuide } from './error-guide.ts'
import type { ErrorAdvice } from './error-guide.ts'

/** The advice for a code, or for its family (`config.intercept.ports` falls back to `config.intercept`, `config`...). */
export function adviceFor(code: string): ErrorAdvice | undefined {
  const exact = Object.hasOwn(errorGuide, code) ? errorGuide[code] : undefined
  const parent = code.lastIndexOf('.')
  return exact ?? (parent > 0 ? adviceFor(code.slice(0, parent)) : undefined)
}

/**
 * One line for people: what is wrong, and what to do next where the message does not say it itself. Line breaks of
 * foreign messages become spaces.
 */
export function describeError(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim()
  if (!isCodedError(error)) return message
  const advice = adviceFor(error.code)
  if (message !== '' && (advice === undefined || advice.inMessage)) return `${message} (${error.code})`
  const what = message === '' ? (advice?.meaning ?? 'no reason given') : message.replace(/\.$/, '')
  return `${what} (${error.code})${advice ? `. ${advice.next}.` : ''}`
}
