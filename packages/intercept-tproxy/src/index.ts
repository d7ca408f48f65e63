/**
 * Takes connections of this host and its neighbours by their destination, with the kernel's own TCP (Linux TPROXY).
 *
 * ```ts
 * import { pump } from '@tunnel/flow'
 * import { connectFlow } from '@tunnel/flow/node'
 * import { createTproxyInterceptor } from '@tunnel/intercept-tproxy'
 * import { openHostState } from '@tunnel/linux'
 *
 * // As root: whatever this host sends to 192.0.2.80, port 80, reaches a server of this program's choice.
 * const host = await openHostState({ stateDirectory: '/run/my-proxy' })
 * const tproxy = await createTproxyInterceptor({ host, slot: 0 })
 * tproxy.onRequest(async (request) => {
 *   if (request.protocol === 'udp') return request.refuse('prohibited')
 *   const server = await connectFlow({ host: '127.0.0.1', port: 8080 }).catch(() => undefined)
 *   if (server) pump(request.accept(), server)
 *   else request.refuse('reset')
 * })
 * ```
 *
 * @module
 */
export { createTproxyInterceptor, type TproxyInterceptor, type TproxyStats } from './tproxy-interceptor.ts'
export type { TproxyInterceptorOptions } from './tproxy-options.ts'
export type { TproxyErrorCode } from './tproxy-error.ts'
export type { FirewallForm } from './wanted/routing.ts'
