import type { DnsQuestion } from '../message/question.ts'
import type { Answer, ResolveContext, ResolveFunction } from './resolver.ts'

/** Questions under way: who asks what is asked already waits for the same answer. */
export interface SharedAnswers {
  ask(key: string, question: DnsQuestion, context: ResolveContext): Promise<Answer | undefined>
  /** Asks although nobody waits. */
  refresh(key: string, question: DnsQuestion, context: ResolveContext): void
  close(): void
}

interface UnderWay {
  readonly answer: Promise<Answer | undefined>
  readonly controller: AbortController
  /** When the last one has gone, the question is given up. */
  waiters: number
}

export function createSharedAnswers(resolve: ResolveFunction, onAnswer: (key: string, question: DnsQuestion, answer: Answer | undefined) => void): SharedAnswers {
  const underWay = new Map<string, UnderWay>()

  const begin = (key: string, question: DnsQuestion, { dnssecOk, checkingDisabled }: ResolveContext): UnderWay => {
    const known = underWay.get(key)
    if (known) return known
    const controller = new AbortController()
    // Nobody's own question any more: the client's address and its patience are left out.
    const context: ResolveContext = { transport: 'direct', signal: controller.signal, recursionDesired: true, dnssecOk: dnssecOk === true, checkingDisabled: checkingDisabled === true }
    const answer = (async () => {
      const given = await resolve(question, context)
      if (!controller.signal.aborted) onAnswer(key, question, given)
      return given
    })()
    const begun: UnderWay = { answer, controller, waiters: 0 }
    underWay.set(key, begun)
    const end = (): void => {
      if (underWay.get(key) === begun) underWay.delete(key)
    }
    answer.then(end, end)
    return begun
  }

  const giveUp = (key: string, left: UnderWay): void => {
    left.waiters -= 1
    if (left.waiters > 0 || underWay.get(key) !== left) return
    underWay.delete(key)
    left.controller.abort()
  }

  return {
    ask(key, question, context) {
      const { signal } = context
      if (signal.aborted) return Promise.reject(signal.reason)
      const joined = begin(key, question, context)
      joined.waiters += 1
      return new Promise((settle, fail) => {
        const onAbort = (): void => {
          fail(signal.reason)
          giveUp(key, joined)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        const done = (): void => signal.removeEventListener('abort', onAbort)
        joined.answer.then(settle, fail).finally(done)
      })
    },
    refresh(key, question, context) {
      if (underWay.has(key)) return
      const begun = begin(key, question, context)
      // Counts as one who waits, so that it is not given up with those who join it.
      begun.waiters += 1
      begun.answer.catch(() => {})
    },
    close() {
      for (const { controller, answer } of underWay.values()) {
        answer.catch(() => {})
        controller.abort()
      }
      underWay.clear()
    },
  }
}
