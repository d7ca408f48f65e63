/**
 * Plain listeners for named services: interception without root.
 *
 * ```ts
 * import { pump } from '@tunnel/flow'
 * import { connectFlow } from '@tunnel/flow/node'
 * import { createProxyInterceptor } from '@tunnel/intercept-proxy'
 *
 * // A TCP forwarder: what connects to port 15432 reaches the database.
 * const proxy = createProxyInterceptor({ bind: '127.0.0.1' })
 * proxy.onRequest(async (request) => {
 *   if (request.protocol === 'udp') return request.refuse('prohibited')
 *   const server = await connectFlow({ host: '127.0.0.1', port: 5432 }).catch(() => undefined)
 *   if (server) pump(request.accept(), server)
 *   else request.refuse('reset')
 * })
 * await proxy.apply({ listeners: [{ service: 'db', protocol: 'tcp', port: 15432 }], intercepts: [] })
 * ```
 *
 * @module
 */
export type { LookupInterface } from './bind-address.ts'
export type { ProxyErrorCode } from './listen-error.ts'
export * from './proxy-interceptor.ts'
export * from './proxy-spec.ts'
