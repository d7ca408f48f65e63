import { formatEndpoint } from '@tunnel/flow'
import { DropCounts } from '../wire/drop-counts.ts'
import { isIcmpError, type IcmpMessage } from '../wire/icmp.ts'
import { parseIcmp4 } from '../wire/icmp4.ts'
import { parseIcmp6 } from '../wire/icmp6.ts'
import { parseIp } from '../wire/ip.ts'
import { IpPacket, ipProtocol } from '../wire/ip-packet.ts'
import { parseSegment, tcpFlag, type Segment } from '../wire/tcp-segment.ts'
import { parseDatagram } from '../wire/udp.ts'

/** One line for people: `10.0.0.1:49152 > 10.0.0.2:80 tcp SYN seq 1 win 65535 mss 1460`. For what is no packet, why it is none. */
export function describePacket(bytes: Uint8Array): string {
  const drops = new DropCounts()
  const packet = parseIp(bytes, new IpPacket(), drops, true)
  if (!packet) return `${bytes.length} bytes, no packet: ${Object.keys(drops.toJSON()).join(' ')}`
  const { source, destination, payloadOffset: offset, payloadLength: length, protocol } = packet
  const plain = `${source} > ${destination}`
  if (packet.isFragment) {
    const end = packet.fragmentOffset + length
    return `${plain} protocol ${protocol} fragment ${packet.identification} bytes ${packet.fragmentOffset} to ${end}${packet.moreFragments ? '' : ', the last'}`
  }
  const between = (sourcePort: number, destinationPort: number): string =>
    `${formatEndpoint({ address: String(source), port: sourcePort })} > ${formatEndpoint({ address: String(destination), port: destinationPort })}`
  if (protocol === ipProtocol.tcp) {
    const segment = parseSegment(bytes, offset, length, drops)
    if (segment) return `${between(segment.sourcePort, segment.destinationPort)} tcp ${describeSegment(segment)}`
  }
  if (protocol === ipProtocol.udp) {
    const datagram = parseDatagram(bytes, offset, length, drops)
    if (datagram) return `${between(datagram.sourcePort, datagram.destinationPort)} udp ${datagram.payload.length} bytes`
  }
  if (protocol === ipProtocol.icmp4 || protocol === ipProtocol.icmp6) {
    const message = (protocol === ipProtocol.icmp4 ? parseIcmp4 : parseIcmp6)(bytes, offset, length, drops)
    if (message) return `${plain} icmp ${describeMessage(message)}`
  }
  return `${plain} protocol ${protocol} ${length} bytes${drops.total === 0 ? '' : `, refused: ${Object.keys(drops.toJSON()).join(' ')}`}`
}

function describeSegment({ flags, seq, ack, window, options, payload }: Segment): string {
  const names = Object.entries(tcpFlag).filter(([, bit]) => (flags & bit) !== 0)
  const parts = [names.map(([name]) => name.toUpperCase()).join(' ') || 'no flags', `seq ${seq >>> 0}`]
  if ((flags & tcpFlag.ack) !== 0) parts.push(`ack ${ack >>> 0}`)
  parts.push(`win ${window}`)
  if (options.mss !== undefined) parts.push(`mss ${options.mss}`)
  if (options.windowScale !== undefined) parts.push(`scale ${options.windowScale}`)
  if (options.sackPermitted) parts.push('sack-ok')
  for (const { start, end } of options.sack) parts.push(`sack ${start >>> 0}-${end >>> 0}`)
  if (options.timestamp) parts.push(`ts ${options.timestamp.value >>> 0}/${options.timestamp.echo >>> 0}`)
  if (payload.length > 0) parts.push(`${payload.length} bytes`)
  return parts.join(' ')
}

function describeMessage(message: IcmpMessage): string {
  if (isIcmpError(message)) return `${message.kind} code ${message.code}${message.value === 0 ? '' : ` value ${message.value}`}`
  return 'target' in message ? `${message.kind} ${message.target}` : `${message.kind} ${message.identifier}/${message.sequence} ${message.data.length} bytes`
}
