/** What a device does for its user, so that software need not. */
export interface Offload {
  /**
   * It makes and verifies the sums of TCP and UDP. Who transmits then writes the folded sum of the pseudo header into the checksum field, unless the packet
   * is a fragment, whose sum is complete; sums received are not to be looked at, except in batches that come as not `verified`.
   */
  readonly checksum: boolean
  /** Largest TCP packet taken at once, in bytes, however small the MTU is; 0 for none. Received ones may be as large. */
  readonly segmentationBytes: number
}

/**
 * Batches; the buffers are borrowed until the call returns. `verified`, by default what `offload.checksum` says, is false for packets whose sums nobody
 * has looked at yet, as those that a host forwards.
 */
export type ReceivePackets = (packets: readonly Uint8Array[], verified?: boolean) => void

/** A source and sink of IP packets: a TUN, a pipe in memory, or a wrapper around another device. */
export interface PacketDevice {
  readonly name: string
  readonly mtu: number
  readonly offload: Offload
  start(receive: ReceivePackets): void
  /**
   * One packet, gathered from its parts, the first of which has all headers. False: dropped. A TCP packet above the MTU is cut into segments of
   * `segmentBytes` (the connection's MSS, which may be less than the MTU allows); by default as large as the MTU allows.
   */
  transmit(parts: readonly Uint8Array[], segmentBytes?: number): boolean
  close(): Promise<void>
}
