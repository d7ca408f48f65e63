import type { Milliseconds, PacketDevice } from '@tunnel/flow'
import type { IpOutput } from '../ip/ip-output.ts'
import { ipHeaderBytes } from '../wire/ip.ts'
import { ipProtocol, maxPacketBytes } from '../wire/ip-packet.ts'
import { maxTcpHeaderBytes, tcpChecksumOffset, tcpHeaderBytes } from '../wire/tcp-segment.ts'
import { BlockPool } from './buffer/block-pool.ts'
import { ecnField } from './ecn.ts'
import { InitialNumbers } from './initial-numbers.ts'
import type { Seq } from './seq.ts'
import { TcpConnection } from './tcp-connection.ts'
import { TcpFlow, type TcpFlowOwner } from './tcp-flow.ts'
import type { TcpPair } from './tcp-pair.ts'
import type { TcpSettings } from './tcp-settings.ts'

export interface FlowFactoryOptions {
  readonly device: Pick<PacketDevice, 'mtu' | 'offload'>
  readonly output: IpOutput
  readonly settings: TcpSettings
  readonly owner: TcpFlowOwner
  /** Uniform in [0, 1), not to be guessed. */
  readonly random: () => number
}

/** Makes flows with their connections, as device, path and settings want them. */
export class FlowFactory {
  readonly pool = new BlockPool()
  readonly #options: FlowFactoryOptions
  readonly #numbers: InitialNumbers

  constructor(options: FlowFactoryOptions) {
    this.#options = options
    this.#numbers = new InitialNumbers(options.random)
  }

  timestampOffset(pair: TcpPair): number {
    return this.#numbers.timestampOffset(pair)
  }

  /** Without `initialSequence` it is the one that `pair` has now. */
  create(pair: TcpPair, now: Milliseconds, initialSequence: Seq = this.#numbers.sequence(pair, now)): TcpFlow {
    const { device, output, settings, owner } = this.#options
    const headers = ipHeaderBytes(pair.remote.version) + tcpHeaderBytes
    const connection = new TcpConnection({
      localPort: pair.localPort,
      remotePort: pair.remotePort,
      initialSequence,
      timestampOffset: this.#numbers.timestampOffset(pair),
      mss: Math.min(device.mtu, maxPacketBytes) - headers,
      offloadBytes: Math.max(0, Math.min(device.offload.segmentationBytes, maxPacketBytes) - headers + tcpHeaderBytes - maxTcpHeaderBytes),
      pool: this.pool,
      // RFC 9293 MUST-15: what a peer takes that names no size.
      defaultPeerMss: pair.remote.version === 4 ? 536 : 1220,
      settings,
      now,
    })
    const pathBytes = output.mtuTo(pair.remote)
    if (pathBytes < device.mtu) connection.pathShrunk(pathBytes - headers)
    const { hopLimit, trafficClass, sendLimitBytes } = settings
    const route = { source: pair.local, destination: pair.remote, protocol: ipProtocol.tcp, checksumAt: tcpChecksumOffset, hopLimit, trafficClass: trafficClass & ~ecnField.mask }
    return new TcpFlow(pair, route, connection, owner, sendLimitBytes)
  }
}
