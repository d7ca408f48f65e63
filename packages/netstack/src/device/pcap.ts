import type { Clock, Milliseconds, PacketDevice } from '@tunnel/flow'
import { gather } from './gather.ts'

/** Takes pieces of a capture file, in order. The bytes are its own. */
export type PcapSink = (bytes: Uint8Array) => void

export interface PcapOptions {
  readonly clock: Pick<Clock, 'now'>
  /** What `clock.now()` = 0 is in milliseconds since 1970. Default: found by the system's time when the capture begins. */
  readonly epoch?: Milliseconds
  /** Bytes kept of each packet. Default: all. */
  readonly snapBytes?: number
}

/** Nanosecond times, in the byte order of the writer; version 2.4; packets begin with their IP header (LINKTYPE_RAW). */
const magic = 0xa1b2_3c4d
const rawIp = 101
const maxSnapBytes = 262_144
const fileHeaderBytes = 24
const recordHeaderBytes = 16

/** Writes packets, each as one piece behind the header. */
export interface PcapWriter {
  /** The bytes are copied. */
  write(packet: Uint8Array): void
}

/** Writes packets in the form that tcpdump and Wireshark read (draft-ietf-opsawg-pcap). */
class NanosecondWriter implements PcapWriter {
  readonly #sink: PcapSink
  readonly #clock: Pick<Clock, 'now'>
  readonly #epoch: Milliseconds
  readonly #snapBytes: number

  /** Writes the file's header at once. */
  constructor(sink: PcapSink, { clock, epoch = Date.now() - clock.now(), snapBytes = maxSnapBytes }: PcapOptions) {
    this.#sink = sink
    this.#clock = clock
    this.#epoch = epoch
    this.#snapBytes = Math.min(snapBytes, maxSnapBytes)
    const header = new DataView(new ArrayBuffer(fileHeaderBytes))
    header.setUint32(0, magic, true)
    header.setUint16(4, 2, true)
    header.setUint16(6, 4, true)
    header.setUint32(16, this.#snapBytes, true)
    header.setUint32(20, rawIp, true)
    sink(new Uint8Array(header.buffer))
  }

  write(packet: Uint8Array): void {
    const kept = Math.min(packet.length, this.#snapBytes)
    const record = new Uint8Array(recordHeaderBytes + kept)
    const header = new DataView(record.buffer)
    // Milliseconds since 1970 leave a number no room for nanoseconds: whole seconds go their own way.
    const epochSeconds = Math.floor(this.#epoch / 1000)
    const passed = this.#epoch - epochSeconds * 1000 + this.#clock.now()
    const seconds = Math.floor(passed / 1000)
    header.setUint32(0, epochSeconds + seconds, true)
    header.setUint32(4, Math.min(999_999_999, Math.round((passed - seconds * 1000) * 1e6)), true)
    header.setUint32(8, kept, true)
    header.setUint32(12, packet.length, true)
    record.set(packet.subarray(0, kept), recordHeaderBytes)
    this.#sink(record)
  }
}

/** Gives `sink` the header of the file at once. */
export const createPcapWriter = (sink: PcapSink, options: PcapOptions): PcapWriter => new NanosecondWriter(sink, options)

/** `device`, with every packet that passes it, both ways, in a capture. Packets that the device refuses are in it too. */
export function withPcap(device: PacketDevice, sink: PcapSink, options: PcapOptions): PacketDevice {
  const tap = createPcapTap(options)
  tap.add(sink)
  return tap.through(device)
}

/** Captures that begin and end while packets pass. As long as there is none it costs next to nothing. */
export interface PcapTap {
  /** The same device, whose packets go into all captures. Several may share a tap. */
  through(device: PacketDevice): PacketDevice
  /** Begins a capture, with a file's header. Ends it when what it gives is called. */
  add(sink: PcapSink): () => void
}

export function createPcapTap(options: PcapOptions): PcapTap {
  const writers = new Set<PcapWriter>()
  const passed = (packet: Uint8Array): void => {
    for (const writer of writers) writer.write(packet)
  }
  return {
    add(sink) {
      const writer = createPcapWriter(sink, options)
      writers.add(writer)
      return () => void writers.delete(writer)
    },
    through: (device) => ({
      name: device.name,
      mtu: device.mtu,
      offload: device.offload,
      start(receive) {
        device.start((packets, verified) => {
          if (writers.size > 0) packets.forEach(passed)
          receive(packets, verified)
        })
      },
      transmit(parts, segmentBytes) {
        if (writers.size > 0) passed(gather(parts))
        return device.transmit(parts, segmentBytes)
      },
      close: () => device.close(),
    }),
  }
}
