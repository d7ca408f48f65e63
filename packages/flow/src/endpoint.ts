/** Where one end of a connection is: an IP address in text form (no brackets) and a port. */
export interface Endpoint {
  readonly address: string
  /** 0 to 65535. */
  readonly port: number
}

export type Protocol = 'tcp' | 'udp'

/** `1.2.3.4:80`, `[::1]:80`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
