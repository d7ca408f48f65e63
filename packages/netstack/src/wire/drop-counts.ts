/**
 * Why packets were not taken, by reason. The names are `layer.reason`; each parser lists its own. There are some forty of
 * them in the program's text and none comes from the network, so that this map stays small.
 */
export class DropCounts {
  readonly #counts = new Map<DropReason, number>()

  /** Counts, and returns what a parser returns for it. */
  count(reason: DropReason): undefined {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
    return undefined
  }

  of(reason: DropReason): number {
    return this.#counts.get(reason) ?? 0
  }

  get total(): number {
    let total = 0
    for (const count of this.#counts.values()) total += count
    return total
  }

  toJSON(): Partial<Record<DropReason, number>> {
    return Object.fromEntries(this.#counts)
  }
}

export type DropReason =
  | 'ip.empty'
  | 'ip.version'
  | 'ip.source'
  | 'ip.destination'
  | 'ip.protocol'
  | 'ip.send-too-long'
  | 'ip.send-device'
  | 'ipv4.short'
  | 'ipv4.header-length'
  | 'ipv4.total-length'
  | 'ipv4.checksum'
  | 'ipv4.option'
  | 'ipv4.source-route'
  | 'ipv6.short'
  | 'ipv6.payload-length'
  | 'ipv6.extension-length'
  | 'ipv6.extension-count'
  | 'ipv6.extension-order'
  | 'ipv6.option'
  | 'ipv6.routing'
  | 'ipv6.no-next-header'
  | 'fragment.length'
  | 'fragment.beyond-end'
  | 'fragment.overlap'
  | 'fragment.inconsistent-end'
  | 'fragment.incomplete-chain'
  | 'fragment.nested'
  | 'fragment.too-many'
  | 'fragment.limit'
  | 'fragment.timeout'
  | 'tcp.short'
  | 'tcp.header-length'
  | 'tcp.checksum'
  | 'tcp.request-limit'
  | 'tcp.connection-limit'
  | 'udp.short'
  | 'udp.length'
  | 'udp.checksum'
  | 'udp.no-flow'
  | 'udp.flow-limit'
  | 'udp.queue'
  | 'icmp.short'
  | 'icmp.checksum'
  | 'icmp.type'
  | 'icmp.quote'
  | 'icmp.mtu'
  | 'icmp.hop-limit'
  | 'icmp.echo-refused'
  | 'icmp.rate'
