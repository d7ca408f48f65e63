/** Where one end of a connection is: an IP address in text form (no brackets) and a port. */
export interface Endpoint {
  readonly address: string
  /** 0 to 65535. */
  readonly port: number
}

export type Protocol = 'tcp' | 'udp'

/** `1.2.3.4` for `::ffff:1.2.3.4`: how a socket that takes both families names IPv4 peers (RFC 4291 2.5.5.2). */
export function unmapAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}

/** `1.2.3.4:80`, `[::1]:80`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
