const udpHeaderBytes = 8
const ipv6HeaderBytes = 40

/**
 * The datagrams that a program gave the kernel as one (UDP_SEGMENT), each as a packet of its own. Nothing is copied but headers: those of a packet are
 * written over the end of the one before, which has been handed over by then. Their sums are not made, nobody looks at them. What is no such packet is
 * handed over as it is.
 */
export function splitDatagrams(packet: Uint8Array, datagramBytes: number, receive: (packet: Uint8Array) => void): void {
  const version = (packet[0] ?? 0) >>> 4
  const ipBytes = version === 4 ? ((packet[0] ?? 0) & 15) * 4 : ipv6HeaderBytes
  const headerBytes = ipBytes + udpHeaderBytes
  if (datagramBytes < 1 || packet.length <= headerBytes) return receive(packet)
  const header = packet.slice(0, headerBytes)
  for (let payload = headerBytes; payload < packet.length; payload += datagramBytes) {
    const start = payload - headerBytes
    const end = Math.min(packet.length, payload + datagramBytes)
    const each = packet.subarray(start, end)
    each.set(header)
    writeU16(each, ipBytes + 4, each.length - ipBytes)
    if (version === 4) setLength4(each, ipBytes)
    else writeU16(each, 4, each.length - ipv6HeaderBytes)
    receive(each)
  }
}

/** The header's own sum follows (RFC 791 3.1): this one is looked at by everybody. */
function setLength4(packet: Uint8Array, headerBytes: number): void {
  writeU16(packet, 2, packet.length)
  writeU16(packet, 10, 0)
  let sum = 0
  for (let at = 0; at < headerBytes; at += 2) sum += ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0)
  sum = (sum & 0xffff) + (sum >>> 16)
  writeU16(packet, 10, ~(sum + (sum >>> 16)) & 0xffff)
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value & 0xff
}
