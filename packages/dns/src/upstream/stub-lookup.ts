import { type Clock, CodedError, formatIpAddress, parseIpAddress, silentLog, systemClock } from '@tunnel/flow'
import { parseMessage } from '../message/message.ts'
import { createQuestion } from '../message/question.ts'
import { cache } from '../resolve/cache.ts'
import { resolveFunctionOf } from '../resolve/call-resolver.ts'
import { hostsFile } from '../resolve/hosts-file.ts'
import type { Answer, ResolveContext, ResolveFunction } from '../resolve/resolver.ts'
import { forward, type ForwardOptions } from './forward.ts'

export interface StubLookupOptions extends ForwardOptions {
  /** Asked first. `/etc/hosts` by default, `false` for none. */
  readonly hosts?: string | { readonly text: string } | false
  /** Seconds that an address may be used after its time when no server answers: a week. 0: never. */
  readonly staleFor?: number
}

export interface StubLookup {
  /**
   * The addresses of a host: IPv4 first, then IPv6; an address stands for itself. Rejects with `dns.no-address` when
   * there are none, and `dns.unanswered` when no server has answered.
   */
  (hostname: string, options?: { readonly signal?: AbortSignal }): Promise<string[]>
  close(): void
}

const week = 7 * 86_400

/**
 * Resolves host names by servers of our choice and never by the system's resolver: for connections that must not depend
 * on what that resolver is set to. Answers are kept as long as they say, and used longer when no server answers.
 */
export function createStubLookup(upstreams: readonly string[], options: StubLookupOptions = {}): StubLookup {
  const { hosts = '/etc/hosts', staleFor = week } = options
  const clock: Clock = options.clock ?? systemClock
  const local = hosts === false ? undefined : resolveFunctionOf(hostsFile(hosts, { clock }))
  const remote = cache(forward(upstreams, { log: silentLog, ...options }), { entries: 1000, staleFor, clock })

  const lookup = async (hostname: string, { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {}): Promise<string[]> => {
    const literal = parseIpAddress(hostname.replace(/^\[(.*)\]$/, '$1'))
    if (literal) return [formatIpAddress(literal)]
    const context: ResolveContext = { transport: 'direct', signal, recursionDesired: true }
    const known = await addressesFrom(local, hostname, context)
    if (known.addresses.length > 0) return known.addresses
    // RFC 6761 6.3: never asked of anybody.
    if (/^(?:.*\.)?localhost\.?$/i.test(hostname)) return ['127.0.0.1', '::1']
    const { addresses, isAnswered } = await addressesFrom((question, from) => remote.resolve(question, from), hostname, context)
    if (addresses.length > 0) return addresses
    throw isAnswered ? noAddress(hostname) : unanswered(hostname, upstreams)
  }
  return Object.assign(lookup, { close: () => remote.close() })
}

async function addressesFrom(resolve: ResolveFunction | undefined, hostname: string, context: ResolveContext): Promise<{ addresses: string[]; isAnswered: boolean }> {
  if (!resolve) return { addresses: [], isAnswered: false }
  const answers = await Promise.all(['A', 'AAAA'].map(async (type) => addressesIn(await resolve(createQuestion(hostname, type), context), type)))
  return { addresses: answers.flatMap((found) => found ?? []), isAnswered: answers.some((found) => found !== undefined) }
}

/** `undefined`: no answer. */
function addressesIn(answer: Answer | undefined, type: string): string[] | undefined {
  if (typeof answer !== 'object') return answer === 'NXDOMAIN' || answer === 'NODATA' ? [] : undefined
  const message = answer.raw === undefined ? { rcode: answer.rcode ?? 'NOERROR', answers: answer.records } : parseMessage(answer.raw)
  if (message?.rcode === 'NXDOMAIN') return []
  if (message?.rcode !== 'NOERROR') return undefined
  return message.answers.filter((record) => record.type === type).map((record) => record.data as string)
}

function noAddress(hostname: string): CodedError {
  return new CodedError('dns.no-address', `The host ${hostname} has no address: the DNS servers do not know the name, or no address of it. Check how it is written.`, { detail: { hostname } })
}

function unanswered(hostname: string, upstreams: readonly string[]): CodedError {
  const asked = upstreams.length === 0 ? 'no DNS server is known' : `no answer from ${upstreams.join(', ')}`
  return new CodedError('dns.unanswered', `The host ${hostname} cannot be resolved: ${asked}. Check the network, or name other servers.`, { detail: { hostname } })
}
