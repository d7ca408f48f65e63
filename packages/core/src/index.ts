/**
 * The tunneler engine: joins overlays (networks that know services) with an interceptor (a way to catch connections of
 * this host), and hosts services. It knows neither: both are contracts.
 *
 * ```ts
 * import { createTunneler } from '@tunnel/core'
 * import { createMemoryNetwork } from '@tunnel/core/testing'
 *
 * // A network with one service. With @tunnel/edge instead, it is a real one.
 * const network = createMemoryNetwork()
 * network.addService({ name: 'web', config: { 'host.v1': { protocol: 'tcp', address: '127.0.0.1', port: 8080 } } })
 *
 * // Hosts "web": each caller is connected to the server on port 8080 of this machine.
 * const tunneler = createTunneler({
 *   overlays: [network.createIdentity('my-host')],
 *   log: (level, source, message) => console.error(level, source, message),
 * })
 * tunneler.start()
 * await new Promise((resolve) => setTimeout(resolve, 10))
 * console.log(tunneler.status().hosted)
 * await tunneler.stop()
 * ```
 *
 * @module
 */
export * from './contracts/interceptor.ts'
export * from './contracts/overlay.ts'
export { defaultDialTimeout } from './dial/dial-request.ts'
export type { HostnameOf } from './dial/route.ts'
export * from './errors/describe-error.ts'
export * from './errors/error-guide.ts'
export type { FlowFacts, FlowSnapshot, FlowState } from './flows/flow-registry.ts'
export type { HostDialer, HttpProbe, ServerTarget } from './host/host-dialer.ts'
export type { HostedStatus } from './host/hosted-terminator.ts'
export { createSocketDialer } from './host/socket-dialer.ts'
export { buildTable } from './intercept-table/build-table.ts'
export type { BuiltTable, RoutedIntercept } from './intercept-table/build-table.ts'
export type { TableSource } from './intercept-table/table-source.ts'
export * from './limits.ts'
export type { CounterName, Counters, RefusalCause } from './metrics/counters.ts'
export type { TunnelerState, TunnelerStatus } from './status.ts'
export * from './tunneler.ts'
