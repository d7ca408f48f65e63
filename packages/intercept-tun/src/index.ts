/**
 * Takes connections of this host by their destination, with a TUN link and a TCP/IP stack in TypeScript.
 *
 * ```ts
 * import { interceptConfigOf } from '@tunnel/config'
 * import { pump } from '@tunnel/flow'
 * import { connectFlow } from '@tunnel/flow/node'
 * import { createTunInterceptor } from '@tunnel/intercept-tun'
 * import { openHostState } from '@tunnel/linux'
 *
 * // As root: what programs of this host send to 203.0.113.80, port 80, goes to a server of our choice, once that has answered.
 * const host = await openHostState({ stateDirectory: '/run/my-proxy' })
 * const tun = await createTunInterceptor({ host, slot: 0 })
 * tun.onRequest(async (request) => {
 *   if (request.protocol === 'udp') return request.refuse('prohibited')
 *   const server = await connectFlow({ host: '127.0.0.1', port: 8080 }).catch(() => undefined)
 *   if (server) pump(request.accept(), server)
 *   else request.refuse('reset')
 * })
 *
 * const config = { 'intercept.v1': { protocols: ['tcp'], addresses: ['203.0.113.80'], portRanges: [{ low: 80, high: 80 }] } }
 * const service = { id: 'web', name: 'web', encryptionRequired: false, permissions: ['Dial'] as const, config }
 * const intercept = interceptConfigOf(service)
 * if (intercept?.ok) console.log(await tun.apply({ listeners: [], intercepts: [{ service, intercept: intercept.value }] }))
 * process.once('SIGTERM', () => void tun.close().then(() => host.restore()).then(() => process.exit()))
 * ```
 *
 * @module
 */
export type { TunDatagram, TunDatagramPort, TunListener } from './link/ports.ts'
export type { TunErrorCode } from './tun-error.ts'
export { createTunInterceptor, type TunInterceptor, type TunStats } from './tun-interceptor.ts'
export type { TunInterceptorOptions } from './tun-options.ts'
