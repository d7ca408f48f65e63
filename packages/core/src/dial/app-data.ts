import type { Endpoint, Protocol } from '@tunnel/flow'

/** What is known of a connection that is about to be dialled. */
export interface DialFacts {
  readonly protocol: Protocol
  readonly from: Endpoint
  readonly to: Endpoint
  /** DNS name by which the client meant `to`, where it is known. */
  readonly hostname?: string | undefined
  /** Expanded `sourceIp` template: the host is to connect from there. */
  readonly sourceAddress?: string | undefined
}

/** The AppData members of a dial (protocol section 4.4), as the C tunneler sends them: all values are strings. */
export function appDataOf({ protocol, from, to, hostname, sourceAddress }: DialFacts): Record<string, string> {
  return {
    connType: 'data',
    dst_protocol: protocol,
    dst_ip: to.address,
    dst_port: String(to.port),
    src_protocol: protocol,
    src_ip: from.address,
    src_port: String(from.port),
    ...(hostname !== undefined && { dst_hostname: hostname }),
    ...(sourceAddress !== undefined && { source_addr: sourceAddress }),
  }
}
