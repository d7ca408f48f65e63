import type { VirtualClock } from '@tunnel/flow/testing'
import dnsPacket from 'dns-packet'
import { createQuestion } from '../message/question.ts'
import { rcodeName } from '../message/rcode.ts'
import type { Answer, ResolveContext, Resolver } from '../resolve/resolver.ts'
import { resolveFunctionOf } from '../resolve/call-resolver.ts'

export const idleContext: ResolveContext = { transport: 'direct', signal: new AbortController().signal, recursionDesired: true }

/** Asks, moves time on until there is an answer, and says it in words: `A 10.0.0.1`, `NXDOMAIN`, `NODATA`, `undefined`; with when. */
export async function askInTime(clock: VirtualClock, resolver: Resolver, name: string, type = 'A', context: Partial<ResolveContext> = {}): Promise<{ answer: string; after: number }> {
  const started = clock.now()
  let result: { answer: string; after: number } | undefined
  const promise = (async () => {
    const answer = await resolveFunctionOf(resolver)(createQuestion(name, type), { ...idleContext, ...context })
    result = { answer: inWords(answer), after: clock.now() - started }
  })()
  for (let steps = 0; !result && steps < 5000; steps += 1) {
    // What is due now may make more due now: a truncated answer, the next server.
    for (let rounds = 0; !result && rounds < 4; rounds += 1) {
      await turn()
      clock.advance(0)
    }
    await turn()
    if (!result) clock.advance(10)
  }
  await promise
  if (!result) throw new Error('no answer for ever')
  return result
}

/** Lets promises and streams go on. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(() => setImmediate(resolve)))

/** `A 10.0.0.1 60, A 10.0.0.2 60` has TTLs only when asked for. */
export function inWords(answer: Answer | undefined, withTtl = false): string {
  if (typeof answer !== 'object') return String(answer)
  const { rcode, list } = answer.raw === undefined ? { rcode: answer.rcode ?? 'NOERROR', list: answer.records } : decoded(answer.raw)
  if (list.length === 0) return rcode === 'NOERROR' ? 'NODATA' : rcode
  const told = list.map(({ type, data, ttl }) => `${type} ${typeof data === 'string' ? data : JSON.stringify(data)}${withTtl ? ` ${ttl}` : ''}`)
  return rcode === 'NOERROR' ? told.join(', ') : `${rcode}: ${told.join(', ')}`
}

function decoded(raw: Uint8Array): { rcode: string; list: readonly { type: string; data: unknown; ttl: number }[] } {
  const { answers = [] } = dnsPacket.decode(Buffer.from(raw))
  return { rcode: rcodeName((raw[3] ?? 0) & 15), list: answers as unknown as { type: string; data: unknown; ttl: number }[] }
}
