/**
 * The OpenZiti SDK in pure TypeScript: enroll, log in, dial and host services.
 *
 * ```ts
 * import { openOverlay } from '@tunnel/edge'
 * import { toDuplex } from '@tunnel/flow/node'
 *
 * const overlay = await openOverlay({ identity: 'ziti.json' })
 * const service = overlay.services.get('echo')
 * if (service === undefined) throw new Error(`known services: ${[...overlay.services.keys()].join(', ')}`)
 *
 * const stream = toDuplex(await overlay.dial(service, { protocol: 'tcp' }))
 * stream.end('hello\n')
 * stream.pipe(process.stdout)
 * stream.on('close', () => overlay.close())
 * ```
 *
 * @module
 */
export type { LoginKind } from './auth/choose-login.ts'
export type { ApplicationInfo } from './auth/client-info.ts'
export type { IncomingCall } from './bind/incoming-call.ts'
export type { BindOptions } from './bind/service-binding.ts'
export type { DialRequest } from './circuit/dial.ts'
export type { IdentityInfo, NetworkPath, Precedence, RouterAddress, SocketSource, Unsubscribe } from './controller/types.ts'
export { enroll } from './enroll/enroll.ts'
export type { EnrolledIdentity, EnrollOptions } from './enroll/enroll.ts'
export { openOverlay } from './overlay.ts'
export type { Binding, EdgeOverlay, OverlayOptions, ServiceChange } from './overlay.ts'
export type { OverlayStats } from './stats.ts'
