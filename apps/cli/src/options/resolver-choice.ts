import { isIP } from 'node:net'
import type { Endpoint } from '@tunnel/flow'
import { InvalidArgumentError } from 'commander'

export const unanswerableChoices = ['refused', 'servfail', 'timeout'] as const
/** What a question gets that neither we nor an upstream can answer. */
export type Unanswerable = (typeof unanswerableChoices)[number]

/** How programs of this host learn the addresses of services. */
export type ResolverChoice =
  | { readonly kind: 'server'; readonly listen: readonly Endpoint[]; readonly unanswerable?: Unanswerable }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'none' }

export const defaultResolver = 'udp://127.0.0.1:53'
const dnsPort = 53
const forms = 'It must be udp://ADDRESS[:PORT], file:///etc/hosts or none.'

/** The value of `--resolver`: servers (several with commas between), a hosts file, or nothing (protocol section 8.1). */
export function parseResolver(text: string): ResolverChoice {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed === 'none') return { kind: 'none' }
  if (trimmed.startsWith('file:')) return parseHostsFile(trimmed)
  const servers = trimmed.split(',').map(parseServer)
  const unanswerable = servers.find((server) => server.unanswerable !== undefined)?.unanswerable
  return { kind: 'server', listen: servers.map(({ endpoint }) => endpoint), ...(unanswerable && { unanswerable }) }
}

function parseHostsFile(text: string): ResolverChoice {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const path = decodeURIComponent(url?.pathname ?? '')
  if (url?.host !== '' || !text.startsWith('file:///') || path === '/' || path.endsWith('/')) {
    throw new InvalidArgumentError('A hosts file is named with its whole path: file:///etc/hosts.')
  }
  return { kind: 'file', path }
}

function parseServer(text: string): { endpoint: Endpoint; unanswerable?: Unanswerable } {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined
  if (url?.protocol !== 'udp:' || (url.pathname !== '' && url.pathname !== '/')) throw new InvalidArgumentError(forms)
  const address = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) === 0) throw new InvalidArgumentError(`'${address}' is no IP address. ${forms}`)
  const endpoint = { address, port: url.port === '' ? dnsPort : Number(url.port) }
  const unanswerable = readUnanswerable(url.searchParams)
  return { endpoint, ...(unanswerable && { unanswerable }) }
}

/** `?unanswerable=servfail`, `?response=servfail` or the bare word, as the Go tunneler takes them. */
function readUnanswerable(query: URLSearchParams): Unanswerable | undefined {
  for (const [name, value] of query) {
    if (name === 'unanswerable' || name === 'response') return parseUnanswerable(value)
    if (value === '') return parseUnanswerable(name)
    throw new InvalidArgumentError(`'${name}' is no setting of a resolver; unanswerable is.`)
  }
  return undefined
}

export function parseUnanswerable(text: string): Unanswerable {
  const choice = unanswerableChoices.find((name) => name === text.toLowerCase())
  if (choice === undefined) throw new InvalidArgumentError(`'${text}' must be one of ${unanswerableChoices.join(', ')}.`)
  return choice
}
