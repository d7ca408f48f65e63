import { isIP } from 'node:net'
import { formatEndpoint } from '@tunnel/flow'
import { InvalidArgumentError } from 'commander'

export const upstreamModes = ['parallel', 'serial', 'failover', 'random'] as const
export type UpstreamMode = (typeof upstreamModes)[number]

const defaultPorts: Readonly<Record<string, number>> = { udp: 53, tcp: 53, tls: 853 }

/** One `--dnsUpstream`, which may be a list with commas, added to those before it. Whole URLs come out: `udp://192.0.2.1:53`. */
export function collectUpstreams(text: string, before: readonly string[] = []): readonly string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...before, ...parts.filter((part) => part !== '').map(parseUpstream)]
}

/** The name behind `#` is that of a TLS server's certificate. */
const form = /^(?:(\w+):\/\/)?(?:\[([\da-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?\/?(?:#([a-z\d.-]+))?$/i

function parseUpstream(text: string): string {
  const [, scheme = 'udp', bracketed, plain, port, serverName] = form.exec(isIP(text) === 6 ? `[${text}]` : text) ?? []
  const address = bracketed ?? plain ?? ''
  const number = Number(port ?? defaultPorts[scheme] ?? 0)
  if (isIP(address) === 0 || number < 1 || number > 65_535 || defaultPorts[scheme] === undefined) {
    throw new InvalidArgumentError(`'${text}' must be udp://, tcp:// or tls:// and an IP address, with a port if it is not the usual one.`)
  }
  return `${scheme}://${formatEndpoint({ address, port: number })}${serverName === undefined ? '' : `#${serverName}`}`
}
