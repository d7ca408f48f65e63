import { CodedError, type Clock, type Milliseconds } from '@tunnel/flow'
import { flag, headerBytes, optBytes } from '../message/header.ts'
import { parseMessage } from '../message/message.ts'
import { encodeQuery } from '../message/query.ts'
import type { DnsQuestion } from '../message/question.ts'
import { recordTypeNumber } from '../message/record-type.ts'
import { finalName } from '../resolve/bailiwick.ts'
import type { ResolveContext } from '../resolve/resolver.ts'
import { questionEnd, type Exchange } from './exchange.ts'
import { createStreamExchange } from './stream-exchange.ts'
import type { UpstreamTransports } from './transports.ts'
import { createUdpExchange } from './udp-exchange.ts'
import type { UpstreamAddress } from './upstream-address.ts'

/** A response that has been looked at: it is whole, and answers the question and nothing else. */
export interface UpstreamAnswer {
  readonly raw: Uint8Array
  /** 0 to 15. */
  readonly rcode: number
}

/** One server that is asked. */
export interface Upstream {
  readonly address: UpstreamAddress
  /** Has not answered lately: others come first, and nobody waits for it when there is another answer. */
  readonly isSilent: boolean
  /** Rejects when there is no answer, or none that can be used, within the time-out. */
  ask(question: DnsQuestion, context: QueryWishes, signal: AbortSignal): Promise<UpstreamAnswer>
  close(): void
}

export type QueryWishes = Pick<ResolveContext, 'recursionDesired' | 'dnssecOk' | 'checkingDisabled'>

export interface UpstreamOptions {
  readonly address: UpstreamAddress
  readonly transports: UpstreamTransports
  readonly timeout: Milliseconds
  readonly clock: Clock
  /** Mix upper and lower case in the question, which a forger would have to guess. */
  readonly mixedCase: boolean
  readonly onStray: () => void
}

const rcodes = { FORMERR: 1, NOTIMP: 4 } as const
/** Failures in a row until it counts as silent, and for how long after the last. */
const silentAfter = 3
const silentFor: Milliseconds = 30_000

export function createUpstream(options: UpstreamOptions): Upstream {
  const { address, timeout, clock } = options
  const exchanges = createExchanges(options)
  let failures = 0
  let failedAt: Milliseconds = 0

  return {
    address,
    get isSilent() {
      return failures >= silentAfter && clock.now() - failedAt < silentFor
    },
    async ask(question, wishes, signal) {
      const limited = new AbortController()
      const onAbort = (): void => limited.abort(signal.reason)
      const cancel = clock.after(timeout, () => limited.abort(timedOut(address, timeout)))
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        signal.throwIfAborted()
        const answer = await exchangeQuery({ exchanges, options, question, wishes, signal: limited.signal })
        failures = 0
        return answer
      } catch (error) {
        if (!signal.aborted) {
          failures += 1
          failedAt = clock.now()
        }
        throw error
      } finally {
        cancel()
        signal.removeEventListener('abort', onAbort)
      }
    },
    close() {
      exchanges.first.close()
      exchanges.stream.close()
    },
  }
}

interface Exchanges {
  readonly first: Exchange
  /** Where truncated answers are asked for again. */
  readonly stream: Exchange
}

function createExchanges({ address, transports, clock, mixedCase: exactCase, onStray }: UpstreamOptions): Exchanges {
  const { serverName } = address
  const connect = (signal: AbortSignal) => (address.protocol === 'tls' ? transports.connectTls(address, { signal, serverName }) : transports.connectTcp(address, { signal }))
  const stream = createStreamExchange({ to: address, connect, clock, exactCase, onStray })
  return { stream, first: address.protocol === 'udp' ? createUdpExchange({ to: address, openUdp: transports.openUdp, clock, exactCase, onStray }) : stream }
}

interface Asking {
  readonly exchanges: Exchanges
  readonly options: UpstreamOptions
  readonly question: DnsQuestion
  readonly wishes: QueryWishes
  readonly signal: AbortSignal
}

async function exchangeQuery(asking: Asking): Promise<UpstreamAnswer> {
  const { question, wishes, options } = asking
  const { recursionDesired, dnssecOk = false, checkingDisabled = false } = wishes
  const query = encodeQuery(question, { id: 0, recursionDesired, dnssecOk, checkingDisabled })
  if (options.mixedCase) mixCase(query)
  const raw = await askBoth(asking, query)
  const rcode = (raw[3] ?? 0) & flag.rcode
  // RFC 6891 7: a server from before EDNS0 does not understand the OPT record.
  const isOld = (rcode === rcodes.FORMERR || rcode === rcodes.NOTIMP) && !dnssecOk
  return checked(asking, isOld ? await askBoth(asking, withoutOpt(query)) : raw)
}

/** RFC 7766 5: what did not fit in a datagram is asked for by TCP. */
async function askBoth({ exchanges, signal }: Asking, query: Uint8Array): Promise<Uint8Array> {
  const raw = await exchanges.first.ask(query, signal)
  const isTruncated = ((raw[2] ?? 0) & (flag.truncated >>> 8)) !== 0
  return isTruncated && exchanges.first !== exchanges.stream ? exchanges.stream.ask(query, signal) : raw
}

function checked({ question, options }: Asking, raw: Uint8Array): UpstreamAnswer {
  const rcode = (raw[3] ?? 0) & flag.rcode
  // The data of the records as well: what is broken would be somebody else's trouble behind us.
  const outline = parseMessage(raw)?.outline
  const type = recordTypeNumber(question.type)
  if (outline && (outline.flags & flag.truncated) === 0 && type !== undefined) {
    if (finalName(outline, { key: question.key, type }) !== undefined) return { raw, rcode }
  }
  throw new CodedError('dns.upstream-malformed', `The DNS server ${options.address.text} answered a question for ${question.name} with a message that is broken, or about other names`, {
    detail: { upstream: options.address.text, name: question.name },
  })
}

/** "DNS 0x20": one bit for each letter. */
function mixCase(query: Uint8Array): void {
  const end = questionEnd(query) - 4
  const coins = globalThis.crypto.getRandomValues(new Uint8Array(end - headerBytes))
  for (let at = headerBytes; at < end; ) {
    const next = at + 1 + (query[at] ?? 0)
    for (at += 1; at < next; at += 1) {
      const byte = query[at] ?? 0
      const lower = byte | 0x20
      if (lower >= 0x61 && lower <= 0x7a) query[at] = (coins[at - headerBytes] ?? 0) & 1 ? lower : lower & ~0x20
    }
  }
}

function withoutOpt(query: Uint8Array): Uint8Array {
  const plain = query.slice(0, query.length - optBytes)
  plain[11] = 0
  return plain
}

function timedOut(address: UpstreamAddress, timeout: Milliseconds): CodedError {
  return new CodedError('dns.upstream-timeout', `The DNS server ${address.text} did not answer within ${timeout} ms`, { detail: { upstream: address.text } })
}
