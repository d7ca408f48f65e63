/**
 * systemd-resolved 239 to 257 takes 256 domains for one link (LINK_SEARCH_DOMAINS_MAX), and while it replaces them it
 * counts old and new together (systemd #43365): half of it can always be replaced in one step.
 */
const limitDefault = 128

/**
 * The domains to route to us, for the names that we answer: `*.ziti` gives `ziti`, `db.corp` gives `db.corp`. A name below
 * another adds nothing. If they are too many, the longest give way to their parents: we then get questions that are not
 * for us, and pass them on.
 */
export function routingDomains(names: readonly string[], limit = limitDefault): readonly string[] {
  let domains = roots(new Set(names.map(normalise).filter((name) => name !== '')))
  for (let labels = deepest(domains) - 1; domains.length > limit && labels >= 1; labels--) {
    domains = roots(new Set(domains.map((domain) => domain.split('.').slice(-labels).join('.'))))
  }
  return domains.slice(0, limit).sort()
}

const normalise = (name: string): string => name.toLowerCase().replace(/^\*\./, '').replace(/\.$/, '')

const deepest = (domains: readonly string[]): number => domains.reduce((most, domain) => Math.max(most, domain.split('.').length), 0)

function roots(domains: ReadonlySet<string>): string[] {
  return [...domains].filter((domain) => !parents(domain).some((parent) => domains.has(parent)))
}

function parents(domain: string): string[] {
  const labels = domain.split('.')
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'))
}
