import type { ResolverFacts } from './resolver-facts.ts'

/** The nameservers that answered before us, to be asked for all that is not ours. `ourselves` are addresses of our own DNS server. */
export function upstreamsOf(facts: ResolverFacts, ourselves: readonly string[] = []): string[] {
  return [...new Set(facts.nameservers)].filter((server) => !ourselves.includes(server))
}
