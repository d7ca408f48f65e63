/** What a device does for its user, so that software need not: filled in or accepted unverified checksums, segmentation. */
export interface Offload {
  readonly checksum: boolean
  /** Largest TCP segment taken in one packet, in bytes; 0 for none. */
  readonly segmentationBytes: number
}

/** A source and sink of IP packets: a TUN, a pipe in memory, or a wrapper around another device. */
export interface PacketDevice {
  readonly name: string
  readonly mtu: number
  readonly offload: Offload
  /** Batches; the buffers are borrowed until the call returns. */
  start(receive: (packets: readonly Uint8Array[]) => void): void
  /** One packet, gathered from its parts. False: dropped. */
  transmit(parts: readonly Uint8Array[]): boolean
  close(): Promise<void>
}
