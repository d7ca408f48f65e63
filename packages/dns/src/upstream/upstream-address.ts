import { CodedError, type Endpoint, formatEndpoint, formatIpAddress, parseIpAddress } from '@tunnel/flow'

export interface UpstreamAddress extends Endpoint {
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** The name that a TLS server's certificate is for; without one it must be for the address. */
  readonly serverName?: string
  /** As messages name it: `tls://9.9.9.9:853`. */
  readonly text: string
}

const form = /^(?:(udp|tcp|tls):\/\/)?(?:\[([\da-f:.]+)(%[\w.-]+)?\]|([\d.]+))(?::(\d{1,5}))?\/?(?:#([a-z\d.-]+))?$/i

/**
 * `udp://1.1.1.1`, `tcp://[2606:4700::1111]:53`, `tls://9.9.9.9#dns.quad9.net` (the server's name as `systemd-resolved`
 * writes it), or only `1.1.1.1`. The address of a link has its zone: `fe80::1%eth0`. Ports are 53, of TLS 853 (RFC 7858 3.1). Throws `dns.bad-upstream`: also for a name,
 * because somebody would have to resolve it first, and that is what this server is for.
 */
export function parseUpstream(text: string): UpstreamAddress {
  const isBareIpv6 = parseIpAddress(withoutZone(text))?.family === 6
  const [, scheme = 'udp', v6, zone = '', v4, digits, serverName] = form.exec(isBareIpv6 ? `[${text}]` : text) ?? []
  const parsed = parseIpAddress(v6 ?? v4 ?? '')
  const protocol = scheme.toLowerCase() as UpstreamAddress['protocol']
  const port = digits === undefined ? (protocol === 'tls' ? 853 : 53) : Number(digits)
  if (!parsed || parsed.family !== (v6 === undefined ? 4 : 6) || port < 1 || port > 65_535) throw badUpstream(text)
  const address = `${formatIpAddress(parsed)}${zone}`
  return { protocol, address, port, ...(serverName === undefined ? {} : { serverName }), text: `${protocol}://${formatEndpoint({ address, port })}` }
}

export const withoutZone = (address: string): string => address.replace(/%.*$/, '')

/** True when the upstream is one of our own listen addresses: questions would go round for ever. */
export function isOwnAddress(upstream: UpstreamAddress, own: readonly string[]): boolean {
  if (upstream.protocol === 'tls') return false
  return own.some((text) => {
    const listen = listenAddress(text)
    if (listen?.protocol !== upstream.protocol || listen.port !== upstream.port) return false
    // A listener on every address has the loopback ones, and one on ours cannot be told from a neighbour's here.
    return listen.address === upstream.address || (isAny(listen.address) && (isLoopback(upstream.address) || isAny(upstream.address)))
  })
}

/** Port 0 of an address that is not open yet matches nothing. */
function listenAddress(text: string): UpstreamAddress | undefined {
  try {
    return parseUpstream(text)
  } catch {
    return undefined
  }
}

const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::'
const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

function badUpstream(text: string): CodedError {
  return new CodedError('dns.bad-upstream', `"${text}" is no DNS server to ask: write udp://1.1.1.1, tcp://[2606:4700::1111]:53 or tls://9.9.9.9#dns.quad9.net, with an IP address`, {
    detail: { upstream: text },
  })
}
