import { CodedError, formatEndpoint, type Endpoint, type Protocol } from '@tunnel/flow'

export interface ListenAddress extends Endpoint {
  readonly protocol: Protocol
}

/** `udp://127.0.0.1:53`, `tcp://[::1]:5300`. Throws `dns.invalid-address`. */
export function parseListenAddress(text: string): ListenAddress {
  const [, protocol, v6, v4, digits] = /^(udp|tcp):\/\/(?:\[([\da-f:.%\w]+)\]|([\d.]+)):(\d{1,5})\/?$/i.exec(text) ?? []
  const address = v6 ?? v4
  const port = Number(digits)
  if (protocol === undefined || address === undefined || port > 65_535) {
    throw new CodedError('dns.invalid-address', `Cannot listen on '${text}': write udp://127.0.0.1:53 or tcp://[::1]:53, with an IP address and a port`, { detail: { address: text } })
  }
  return { protocol: protocol.toLowerCase() as Protocol, address, port }
}

export const formatListenAddress = (at: ListenAddress): string => `${at.protocol}://${formatEndpoint(at)}`
