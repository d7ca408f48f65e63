/**
 * OpenZiti identity files and service configs: parsing, matching, templates. No network, no processes.
 *
 * ```ts
 * import { bestMatch, interceptConfigOf, loadIdentity } from '@tunnel/config'
 *
 * const identity = await loadIdentity({ name: 'example', text: '{ "ztAPI": "https://ctrl.example:1280/" }' })
 * console.log(identity.controllers[0]) // https://ctrl.example:1280/edge/client/v1
 *
 * const config = { 'intercept.v1': { protocols: ['tcp'], addresses: ['*.corp.ziti'], portRanges: [{ low: 5432, high: 5432 }] } }
 * const service = { id: 'id1', name: 'databases', encryptionRequired: true, permissions: ['Dial'] as const, config }
 * const intercept = interceptConfigOf(service)
 * if (!intercept?.ok) throw intercept?.error ?? new Error('nothing to intercept')
 *
 * const found = bestMatch([{ service, intercept: intercept.value }], { protocol: 'tcp', address: 'db.corp.ziti', port: 5432 })
 * console.log(found?.service.name) // databases
 * ```
 *
 * @module
 */
export { checkCredentials } from './identity/credentials.ts'
export * from './identity/identity.ts'
export * from './identity/load-identity.ts'
export * from './identity/parse-identity.ts'
export { readIdentitySource } from './identity/read-source.ts'
export type { IdentitySurroundings, IdentityText } from './identity/read-source.ts'
export * from './identity/write-identity.ts'
export * from './match/address-pattern.ts'
export * from './match/address-translation.ts'
export * from './match/allow-list.ts'
export * from './match/best-match.ts'
export * from './match/ip-address.ts'
export * from './match/port-range.ts'
export type { Parsed } from './parsed.ts'
export * from './service/config-of.ts'
export * from './service/duration.ts'
export type { HealthAction, HealthEffect, HttpCheck, PortCheck } from './service/health-check.ts'
export { parseHostV1 } from './service/host-v1.ts'
export type { HostV1 } from './service/host-v1.ts'
export * from './service/host-v2.ts'
export * from './service/intercept-v1.ts'
export type { ListenOptions } from './service/listen-options.ts'
export * from './service/proxy-v1.ts'
export * from './service/service.ts'
export * from './service/tunneler-v1.ts'
export * from './template/template.ts'
