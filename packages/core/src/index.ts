/**
 * The tunneler engine: joins overlays (networks that know services) with an interceptor (a way to catch connections of
 * this host), and hosts services. It knows neither: both are contracts.
 *
 * ```ts
 * import { createServer } from 'node:net'
 * import { createTunneler } from '@tunnel/core'
 * import { createMemoryInterceptor, createMemoryNetwork } from '@tunnel/core/testing'
 *
 * // Real ones: openOverlay() of @tunnel/edge, createProxyInterceptor() of @tunnel/intercept-proxy.
 * const network = createMemoryNetwork()
 * const interceptor = createMemoryInterceptor()
 *
 * // A service that leads to a server of this machine. Our identity may host it and dial it.
 * const server = createServer((socket) => socket.end('hello from the server\n')).listen(14080, '127.0.0.1')
 * network.addService({ name: 'hello', config: { 'host.v1': { protocol: 'tcp', address: '127.0.0.1', port: 14080 } } })
 *
 * const tunneler = createTunneler({
 *   overlays: [network.createIdentity('me')],
 *   interceptor,
 *   table: { listeners: [{ service: 'hello', protocol: 'tcp', port: 8080 }] },
 *   log: (level, source, message) => console.log(`${level} ${source}: ${message}`),
 * })
 * tunneler.start()
 * await new Promise((resolve) => setTimeout(resolve, 50))
 *
 * const client = await interceptor.connect(8080)
 * client.attach({
 *   data: (chunk) => console.log(new TextDecoder().decode(chunk)),
 *   end: () => client.end(),
 *   drain: () => {},
 *   close: () => {},
 * })
 * await tunneler.stop()
 * server.close()
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
export type { OwnSockets, SocketTarget } from './host/socket-dialer.ts'
export { buildTable } from './intercept-table/build-table.ts'
export type { BuiltTable, RoutedIntercept } from './intercept-table/build-table.ts'
export type { TableSource } from './intercept-table/table-source.ts'
export * from './limits.ts'
export type { CounterName, Counters, RefusalCause } from './metrics/counters.ts'
export type { InterceptStatus, TunnelerState, TunnelerStatus } from './status.ts'
export * from './tunneler.ts'
