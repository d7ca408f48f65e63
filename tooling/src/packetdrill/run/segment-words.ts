import type { ScriptPacket, ScriptSegment, ScriptTcpOption } from '../script.ts'

/** A packet in the words of a script, which are tcpdump's. */
export function packetWords(direction: 'in' | 'out', packet: ScriptPacket): string {
  const arrow = direction === 'in' ? '<' : '>'
  if (packet.protocol === 'tcp') return `${arrow} ${segmentWords(packet)}`
  if (packet.protocol === 'udp') return `${arrow} udp (${packet.length})`
  return `${arrow} icmp ${[packet.type, packet.code, packet.mtu === undefined ? undefined : `mtu ${packet.mtu}`].filter((word) => word !== undefined).join(' ')}`
}

export function segmentWords({ ports, flags, seq, length, ack, window, urgent, options }: ScriptSegment): string {
  const words = [flags === '' ? '-' : flags, `${seq}:${(seq + length) >>> 0}(${length})`]
  if (ports) words.unshift(`${ports.source} > ${ports.destination}`)
  if (ack !== undefined) words.push(`ack ${ack}`)
  if (window !== undefined) words.push(`win ${window}`)
  if (urgent !== undefined && urgent !== 0) words.push(`urg ${urgent}`)
  if (options === 'any') words.push('<...>')
  else if (options.length > 0) words.push(`<${options.map(optionWords).join(',')}>`)
  return words.join(' ')
}

export function optionWords(option: ScriptTcpOption): string {
  switch (option.kind) {
    case 'mss':
    case 'wscale':
      return `${option.kind} ${option.value}`
    case 'TS':
      return `TS val ${option.value} ecr ${option.echo}`
    case 'sack':
      return `sack ${option.blocks.map(([start, end]) => `${start}:${end}`).join(' ')}`
    default:
      return option.kind
  }
}
