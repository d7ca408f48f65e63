/**
 * A TCP/IP stack over any packet device. Nothing of Node is needed.
 *
 * ```ts
 * import { createMemoryPipe, createNetstack } from '@tunnel/netstack'
 *
 * const [left, right] = createMemoryPipe({ mtu: 1500 })
 * const server = createNetstack({ device: right, addresses: ['10.0.0.2'] })
 * server.onConnect((request) => {
 *   const flow = request.accept() // only now the SYN is answered: request.refuse('reset') is possible too
 *   flow.attach({ data: (chunk, hold) => flow.send(chunk, hold()), end: () => flow.end(), drain() {}, close() {} })
 * })
 *
 * const client = createNetstack({ device: left, addresses: ['10.0.0.1'] })
 * const flow = await client.connect({ address: '10.0.0.2', port: 7 })
 * flow.attach({ data: (chunk) => console.log(new TextDecoder().decode(chunk)), end() {}, drain() {}, close() {} })
 * flow.send(new TextEncoder().encode('hello'))
 * ```
 *
 * @module
 */
export { withFaults, type Faults, type FaultsOptions } from './device/faults.ts'
export { createMemoryPipe, noOffload, type MemoryPipeOptions } from './device/memory-pipe.ts'
export { createPcapTap, createPcapWriter, withPcap, type PcapOptions, type PcapSink, type PcapTap, type PcapWriter } from './device/pcap.ts'
export { createSeededRandom, type Random } from './device/random.ts'
export { withTrace } from './device/trace.ts'
export { createNetstack, type Netstack, type NetstackOptions, type NetstackStats } from './stack.ts'
export type { AckedBytes, CongestionControl, CreateCongestionControl } from './tcp/congestion/congestion-control.ts'
export { unlimited } from './tcp/congestion/unlimited.ts'
export { tcpInfo, type TcpInfo } from './tcp/tcp-info.ts'
export { tcpControl, type TcpControl } from './tcp/tcp-control.ts'
export type { EcnMode } from './tcp/ecn.ts'
export type { TcpReport } from './tcp/tcp-report.ts'
export type { TcpConnectOptions } from './tcp/tcp-connect.ts'
export type { TcpLimits } from './tcp/tcp-layer.ts'
export type { TcpListener } from './tcp/tcp-listener.ts'
export type { KeepAlive, TcpSettings } from './tcp/tcp-settings.ts'
export type { UdpLimits } from './udp/udp-layer.ts'
export type { UdpSocket, UdpSocketOptions } from './udp/udp-socket.ts'
