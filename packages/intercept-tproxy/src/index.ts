/**
 * Takes connections of this host and its neighbours by their destination, with the kernel's own TCP (Linux TPROXY).
 *
 * ```ts
 * import { interceptConfigOf } from '@tunnel/config'
 * import { pump } from '@tunnel/flow'
 * import { connectFlow } from '@tunnel/flow/node'
 * import { createTproxyInterceptor } from '@tunnel/intercept-tproxy'
 * import { openHostState } from '@tunnel/linux'
 *
 * // As root: what programs of this host and its neighbours send to 203.0.113.80, port 80, goes to a server of our choice.
 * const host = await openHostState({ stateDirectory: '/run/my-proxy' })
 * const tproxy = await createTproxyInterceptor({ host, slot: 0 })
 * tproxy.onRequest(async (request) => {
 *   if (request.protocol === 'udp') return request.refuse('prohibited')
 *   const server = await connectFlow({ host: '127.0.0.1', port: 8080 }).catch(() => undefined)
 *   if (server) pump(request.accept(), server)
 *   else request.refuse('reset')
 * })
 *
 * const config = { 'intercept.v1': { protocols: ['tcp'], addresses: ['203.0.113.80'], portRanges: [{ low: 80, high: 80 }] } }
 * const service = { id: 'web', name: 'web', encryptionRequired: false, permissions: ['Dial'] as const, config }
 * const intercept = interceptConfigOf(service)
 * if (intercept?.ok) console.log(await tproxy.apply({ listeners: [], intercepts: [{ service, intercept: intercept.value }] }))
 * process.once('SIGTERM', () => void tproxy.close().then(() => host.restore()).then(() => process.exit()))
 * ```
 *
 * @module
 */
export { createTproxyInterceptor, type TproxyInterceptor, type TproxyStats } from './tproxy-interceptor.ts'
export type { TproxyInterceptorOptions } from './tproxy-options.ts'
export type { TproxyErrorCode } from './tproxy-error.ts'
export type { FirewallForm } from './wanted/routing.ts'
