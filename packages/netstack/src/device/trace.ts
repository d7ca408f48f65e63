import type { Log, PacketDevice } from '@tunnel/flow'
import { describePacket } from './describe-packet.ts'
import { gather } from './gather.ts'

/** `device` with a line in the log (`debug`) for each packet, in the words of tcpdump. */
export function withTrace(device: PacketDevice, log: Log): PacketDevice {
  const source = `netstack/device.${device.name}`
  return {
    name: device.name,
    mtu: device.mtu,
    offload: device.offload,
    start(receive) {
      device.start((packets, verified) => {
        for (const packet of packets) log('debug', source, `< ${describePacket(packet)}`)
        receive(packets, verified)
      })
    },
    transmit(parts, segmentBytes) {
      const sent = device.transmit(parts, segmentBytes)
      log('debug', source, `> ${describePacket(gather(parts))}${sent ? '' : ' (dropped by the device)'}`)
      return sent
    },
    close: () => device.close(),
  }
}
