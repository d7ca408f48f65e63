/**
 * An embedded OpenZiti network in one process: a controller and edge routers with the real protocols, for demos and tests.
 *
 * ```ts
 * import { createNetwork } from '@tunnel/devnet'
 *
 * const network = await createNetwork()
 * await network.createIdentity('laptop')
 * network.createService('web', {
 *   dial: ['laptop'],
 *   hostedBy: { target: 'tcp:127.0.0.1:8080' },
 *   configs: { 'intercept.v1': { protocols: ['tcp'], addresses: ['web.ziti'], portRanges: [{ low: 80, high: 80 }] } },
 * })
 * const identity = network.identityJson('laptop') // for any Ziti SDK or tunneler
 * console.log(`${identity.ztAPI} is up`)
 * await network.close()
 * ```
 *
 * @module
 */
export type { CreatedIdentity, IdentityJson, IdentityOptions } from './admin/identity-admin.ts'
export type { DialRefusal } from './admin/router-admin.ts'
export type { HostedBy, Permission, ServiceOptions } from './admin/service-admin.ts'
export type { AuthMode } from './controller/context.ts'
export type { Refusal } from './controller/faults.ts'
export { createNetwork } from './network.ts'
export type { Delay, Network, NetworkOptions } from './network.ts'
export type { Terminator } from './router/authority.ts'
export type { RouterStats } from './router/counters.ts'
export type { Precedence } from './state/identity.ts'
export type { PostureCheckOptions } from './state/posture-check.ts'
