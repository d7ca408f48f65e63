import { closeResolver, isPending, resolveFunctionOf } from './call-resolver.ts'
import type { Answer, ResolveFunction, Resolver, ResolverObject } from './resolver.ts'

const nodata: Answer = { records: [], authoritative: true }

/**
 * `inner` asked about names that another resolver, which comes first, answers in part: they exist. That `inner` knows no
 * such name, or refuses to look, is NODATA for them. Who keeps NXDOMAIN keeps it for all types (RFC 2308 5): after one
 * question for MX records, nobody behind such a cache would be told the addresses any more.
 */
export function existingNames(inner: Resolver, exists: (key: string) => boolean): ResolverObject {
  const resolve = resolveFunctionOf(inner)
  const existing: ResolveFunction = (question, context) => {
    const answer = resolve(question, context)
    if (!exists(question.key)) return answer
    return isPending(answer) ? answer.then(nodataIfDenied) : nodataIfDenied(answer)
  }
  return { resolve: existing, close: () => closeResolver(inner) }
}

const nodataIfDenied = (answer: Answer | undefined): Answer => (answer === undefined || isDenial(answer) ? nodata : answer)

const rcodes = { NXDOMAIN: 3, REFUSED: 5 } as const

function isDenial(answer: Answer): boolean {
  if (typeof answer === 'string') return answer === 'NXDOMAIN' || answer === 'REFUSED'
  if (answer.raw === undefined) return answer.rcode === 'NXDOMAIN' || answer.rcode === 'REFUSED'
  const rcode = (answer.raw[3] ?? 0) & 0xf
  return rcode === rcodes.NXDOMAIN || rcode === rcodes.REFUSED
}
