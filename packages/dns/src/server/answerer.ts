import type { Clock, Endpoint, Log, Milliseconds } from '@tunnel/flow'
import type { Asked } from '../message/asked.ts'
import { QueryReader, type Query } from '../message/query-reader.ts'
import type { QueryRefusal } from '../message/refusal.ts'
import { isPending } from '../resolve/call-resolver.ts'
import type { Answer, ResolveFunction } from '../resolve/resolver.ts'
import { count, type Counts } from './counters.ts'
import { QueryContext } from './query-context.ts'
import { ResponseWriter } from './response-writer.ts'
import type { DnsServerLimits } from './server.ts'

/** Where messages come from: a UDP socket, a TCP connection. */
export interface Caller {
  readonly transport: 'udp' | 'tcp'
  /** Who sent the message that is being answered. May be used again for the next message. */
  readonly client: Endpoint
  /** The most bytes that an answer to it may have. */
  limitFor(query: Query): number
  /** The answer comes later. Gives the way back to who asks now; the bytes it is given are borrowed. Nothing when there is no answer at all. */
  defer(context: QueryContext): (response: Uint8Array | undefined) => void
}

export interface AnswererOptions {
  readonly resolve: ResolveFunction
  readonly unanswerable: 'refused' | 'servfail' | 'timeout'
  readonly limits: DnsServerLimits
  readonly counts: Counts
  readonly clock: Clock
  readonly log: Log
}

type AskedQuery = Query & { readonly asked: Asked }

/** Errors of resolvers are told at most so often: a client must not fill a disk. */
const tellEvery: Milliseconds = 1000

/**
 * Messages in, messages out: everything of the server but sockets. What a resolver knows at once is answered before the call returns, from a buffer
 * that is used again, with next to nothing made.
 */
export class Answerer {
  readonly #options: AnswererOptions
  readonly #reader = new QueryReader()
  readonly #writer = new ResponseWriter()
  readonly #outstanding = new Set<QueryContext>()
  #toldAt: Milliseconds | undefined
  #closed = false

  constructor(options: AnswererOptions) {
    this.#options = options
  }

  /** Labels, records and options that were looked at in the last message. */
  get steps(): number {
    return this.#reader.steps
  }

  /** The response to a message, valid until the next call; nothing when there is none, or none yet (then `caller.defer` was called). */
  answer(message: Uint8Array, caller: Caller): Uint8Array | undefined {
    const reader = this.#reader
    const refusal = reader.read(message)
    if (refusal) return this.#refuse(reader, refusal)
    const { counts, resolve } = this.#options
    const { asked } = reader
    if (!asked || this.#closed) return undefined
    counts.questions += 1
    const context = new QueryContext(caller.transport, reader, caller.client)
    let answer: Answer | undefined | Promise<Answer | undefined>
    try {
      answer = resolve(asked.question, context)
    } catch (error) {
      this.#tell(asked, error)
      answer = 'SERVFAIL'
    }
    if (isPending(answer)) return this.#later(reader as AskedQuery, context, answer, caller)
    return this.#write(reader as AskedQuery, answer, caller.limitFor(reader))
  }

  /** Whoever waits is told to stop; nothing is answered any more. */
  close(): void {
    this.#closed = true
    for (const context of this.#outstanding) context.abort()
    this.#outstanding.clear()
  }

  #refuse(query: Query, { reason, rcode }: QueryRefusal): Uint8Array | undefined {
    const { counts } = this.#options
    count(counts.refused, reason)
    if (rcode === undefined || this.#closed) return undefined
    counts.answers += 1
    return this.#writer.refuse(query, rcode)
  }

  #later(reader: AskedQuery, context: QueryContext, pending: Promise<Answer | undefined>, caller: Caller): Uint8Array | undefined {
    const { counts, limits, clock } = this.#options
    const { id, flags, asked, edns, udpBytes, dnssecOk } = reader
    const query: AskedQuery = { id, flags, asked, edns, udpBytes, dnssecOk }
    if (this.#outstanding.size >= limits.outstanding) {
      counts.overloaded += 1
      context.abort()
      Promise.resolve(pending).catch(() => {})
      return this.#write(query, 'SERVFAIL', caller.limitFor(query))
    }
    context.keep()
    this.#outstanding.add(context)
    const limit = caller.limitFor(query)
    const respond = caller.defer(context)
    const settle = (answer: Answer | undefined): void => {
      if (!this.#outstanding.delete(context)) return
      cancel()
      respond(this.#write(query, answer, limit))
    }
    const cancel = clock.after(limits.answerTimeout, () => {
      counts.timedOut += 1
      settle('SERVFAIL')
      context.abort()
    })
    Promise.resolve(pending).then(settle, (error: unknown) => {
      if (this.#outstanding.has(context)) this.#tell(asked, error)
      settle('SERVFAIL')
    })
    return undefined
  }

  #write(query: AskedQuery, answer: Answer | undefined, limit: number): Uint8Array | undefined {
    const { counts, unanswerable } = this.#options
    const given = answer ?? (unanswerable === 'timeout' ? 'DROP' : unanswerable === 'servfail' ? 'SERVFAIL' : 'REFUSED')
    if (given === 'DROP') return undefined
    counts.answers += 1
    try {
      const response = this.#writer.write(query, given, limit)
      if (response) {
        if (this.#writer.truncated) counts.truncated += 1
        return response
      }
      this.#tell(query.asked, new Error('the upstream message that it gave is no answer to this question'))
    } catch (error) {
      this.#tell(query.asked, error)
    }
    return this.#writer.refuse(query, 'SERVFAIL')
  }

  #tell({ question }: Asked, error: unknown): void {
    const { counts, clock, log } = this.#options
    counts.failed += 1
    const now = clock.now()
    if (this.#toldAt !== undefined && now - this.#toldAt < tellEvery) return
    this.#toldAt = now
    log('error', 'dns/server.answer', 'a resolver failed', { name: question.name, type: question.type, error: error instanceof Error ? error.message : String(error), failed: counts.failed })
  }
}
