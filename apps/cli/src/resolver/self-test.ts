import { lookup } from 'node:dns/promises'
import type { Answer, Resolver } from '@tunnel/dns'
import type { Clock, Log, Milliseconds } from '@tunnel/flow'
import { systemClock } from '@tunnel/flow'
import { createNameLog } from '../names/name-log.ts'

/** The original's: a name that nobody else has, and the address that only our DNS server gives it. */
export const selfTestName = 'ziti-tunnel.resolver.test'
export const selfTestAddress = '19.65.28.94'

export interface SelfTestRecord {
  readonly resolver: Resolver
  add(): void
  remove(): void
}

export function createSelfTestRecord(log: Log): SelfTestRecord {
  const news = createNameLog(log)
  const found: Answer = { records: [{ type: 'A', ttl: 0, data: selfTestAddress }], authoritative: true }
  let present = false
  return {
    resolver: ({ key, type }) => (!present || key !== selfTestName ? undefined : type === 'A' ? found : 'NODATA'),
    add() {
      present = true
      news.added(selfTestName, [selfTestAddress])
    },
    remove() {
      if (present) news.removed(selfTestName)
      present = false
    },
  }
}

export interface SelfTestOptions {
  /** How long wrong answers are borne: a resolver that was told of us just now may need a moment. */
  readonly patience: Milliseconds
  /** Makes the system's resolver forget what it knows. */
  readonly flush?: () => Promise<void>
  /** Default: the system's resolver. */
  readonly ask?: (name: string) => Promise<string>
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

const askSystem = async (name: string): Promise<string> => (await lookup(name, { family: 4 })).address
const firstPause: Milliseconds = 20
const longestPause: Milliseconds = 500

/** Undefined when programs of this host get our answer; else what they get. */
export async function testResolver({ patience, flush, ask = askSystem, signal, clock = systemClock }: SelfTestOptions): Promise<string | undefined> {
  const end = clock.now() + patience
  let problem = 'the system resolver does not answer'
  await flush?.()
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    const answer = await within(ask(selfTestName).then(tellAnswer, tellError), end - clock.now(), clock)
    if (answer === 'right') return undefined
    if (answer !== undefined) problem = answer
    if (answer === undefined || clock.now() + pause > end || signal?.aborted) return problem
    await new Promise<void>((resolve) => clock.after(pause, resolve))
  }
}

const tellAnswer = (address: string): string => (address === selfTestAddress ? 'right' : `the system resolver says ${address}`)

function tellError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOTFOUND') return 'the system resolver knows no such name'
  return code === 'EAI_AGAIN' ? 'the system resolver gets no answer' : `the system resolver fails: ${error instanceof Error ? error.message : String(error)}`
}

function within<T>(work: Promise<T>, span: Milliseconds, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(Math.max(span, 0), () => resolve(undefined))
    void work.then((value) => {
      cancel()
      resolve(value)
    })
  })
}
