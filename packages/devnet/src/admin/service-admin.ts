import { CodedError } from '@tunnel/flow'
import type { Terminator } from '../router/authority.ts'
import { createLongId } from '../state/id.ts'
import type { NetworkState } from '../state/network-state.ts'
import { findByName, policyKey, recordChange } from '../state/network-state.ts'
import type { PolicyType } from '../state/policy.ts'
import type { PostureCheckOptions } from '../state/posture-check.ts'
import type { Service, ServiceConfig } from '../state/service.ts'

export interface ServiceOptions {
  /** By config type name: `{ 'intercept.v1': { addresses: [...], ... } }`. */
  readonly configs?: Readonly<Record<string, unknown>>
  /** End-to-end encryption demanded; true by default. */
  readonly encrypted?: boolean
  readonly roles?: readonly string[]
  /** Who may dial, and who may bind: identity names, `#role`, `#all`. */
  readonly dial?: readonly string[]
  readonly bind?: readonly string[]
  /** The router's own tunneler serves it: `{ target: 'tcp:127.0.0.1:80' }`. */
  readonly hostedBy?: HostedBy | readonly HostedBy[]
  /** Demanded of those who dial. */
  readonly posture?: readonly PostureCheckOptions[]
}

export interface HostedBy {
  /** Default: the first router. */
  readonly router?: string
  /** `tcp:<host>:<port>` or `udp:<host>:<port>`; an IPv6 address in brackets. */
  readonly target: string
  readonly cost?: number
}

export interface Permission {
  readonly service: string
  readonly dial?: readonly string[]
  readonly bind?: readonly string[]
}

export interface ServiceAdmin {
  create(name: string, options?: ServiceOptions): { readonly id: string; readonly name: string }
  /** Changes what is given and leaves the rest; `dial` and `bind` replace those who may. */
  update(name: string, options: ServiceOptions): void
  delete(name: string): void
  allow(permission: Permission): void
  deny(permission: Permission): void
  terminators(name: string): readonly Terminator[]
}

export function createServiceAdmin(state: NetworkState): ServiceAdmin {
  const find = (name: string) => {
    const service = findByName(state.services, name)
    if (service === undefined) throw new CodedError('devnet.unknown-service', `no service is named ${name}: create it first`)
    return service
  }
  const change = (permission: Permission, apply: (identities: Set<string>, name: string) => void) => {
    const service = find(permission.service)
    for (const name of permission.dial ?? []) apply(policyOf(state, service, 'Dial'), name)
    for (const name of permission.bind ?? []) apply(policyOf(state, service, 'Bind'), name)
    recordChange(state)
  }
  return {
    create(name, options = {}) {
      if (findByName(state.services, name) !== undefined) {
        throw new CodedError('devnet.duplicate', `a service named ${name} exists: names are unique`)
      }
      const now = state.now()
      const service: Service = {
        id: createLongId(), name, createdAt: now, updatedAt: now, encryptionRequired: true, configs: [], roleAttributes: [], postureChecks: [],
      }
      applyOptions(state, service, options)
      state.services.set(service.id, service)
      recordChange(state)
      return { id: service.id, name }
    },
    update(name, options) {
      const service = find(name)
      applyOptions(state, service, options)
      service.updatedAt = state.now()
      recordChange(state)
    },
    delete(name) {
      const { id } = find(name)
      state.services.delete(id)
      state.policies.delete(policyKey('Dial', id))
      state.policies.delete(policyKey('Bind', id))
      state.terminators.removeOfService(id)
      state.serviceSessions.removeWhere((session) => session.serviceId === id)
      recordChange(state)
    },
    allow(permission) { change(permission, (identities, name) => identities.add(name)) },
    deny(permission) { change(permission, (identities, name) => identities.delete(name)) },
    terminators: (name) => state.terminators.list(find(name).id),
  }
}

function applyOptions(state: NetworkState, service: Service, options: ServiceOptions): void {
  // First of all what can be refused, so that a mistake changes nothing.
  const hosts = options.hostedBy === undefined ? undefined : [options.hostedBy].flat().map((host) => createTerminator(state, service, host))
  if (options.encrypted !== undefined) service.encryptionRequired = options.encrypted
  if (options.roles !== undefined) service.roleAttributes = options.roles
  if (options.configs !== undefined) service.configs = createConfigs(options.configs, service.configs)
  if (options.posture !== undefined) {
    service.postureChecks = options.posture.map((check) => ({ id: createLongId(), createdAt: state.now(), options: check }))
  }
  for (const [type, names] of [['Dial', options.dial], ['Bind', options.bind]] as const) {
    if (names === undefined) continue
    const identities = policyOf(state, service, type)
    identities.clear()
    for (const name of names) identities.add(name)
  }
  if (hosts === undefined) return
  for (const terminator of state.terminators.list(service.id)) if (terminator.kind === 'router') state.terminators.remove(terminator.id)
  for (const terminator of hosts) state.terminators.add(terminator)
}

/** A config that stays of the same type keeps its id. */
function createConfigs(configs: Readonly<Record<string, unknown>>, before: readonly ServiceConfig[]): ServiceConfig[] {
  return Object.entries(configs).map(([type, value]) =>
    ({ id: before.find((config) => config.type === type)?.id ?? createLongId(), type, value: structuredClone(value) }))
}

function policyOf(state: NetworkState, service: Service, type: PolicyType): Set<string> {
  const key = policyKey(type, service.id)
  const policy = state.policies.get(key)
    ?? { id: createLongId(), name: `${service.name}-${type.toLowerCase()}`, type, serviceId: service.id, identities: new Set<string>() }
  state.policies.set(key, policy)
  return policy.identities
}

function createTerminator(state: NetworkState, service: Service, { router, target, cost = 0 }: HostedBy): Terminator {
  const host = router === undefined ? [...state.routers.values()][0] : findByName(state.routers, router)
  if (host === undefined) {
    throw new CodedError('devnet.unknown-router', `${service.name} is hosted by ${router ?? 'the first router'}, which this network does not have`)
  }
  const [, protocol, bracketed, plain, port] = /^(tcp|udp):(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(target) ?? []
  const address = bracketed ?? plain
  if (address === undefined || (protocol !== 'tcp' && protocol !== 'udp') || Number(port) > 65535) {
    throw new CodedError('devnet.bad-target', `${service.name} is hosted at ${target}, which is not tcp:<host>:<port> or udp:<host>:<port>`)
  }
  return {
    id: createLongId(), serviceId: service.id, routerId: host.id, instance: '', cost, precedence: 0, kind: 'router',
    target: { protocol, host: address, port: Number(port) },
  }
}
