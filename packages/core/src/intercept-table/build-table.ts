import type { CodedError } from '@tunnel/flow'
import type { InterceptTable, WantedIntercept, WantedListener } from '../contracts/interceptor.ts'
import type { Overlay } from '../contracts/overlay.ts'
import { interceptOf, proxyOf } from '../services/parsed-config.ts'
import type { OwnedService } from '../services/service-directory.ts'
import type { TableSource } from './table-source.ts'

/** An intercept, and the identity by which its service is dialled. */
export interface RoutedIntercept extends WantedIntercept {
  readonly overlay: Overlay
}

export interface BuiltTable {
  readonly table: InterceptTable
  /** `table.intercepts` with their owners: for the look-up by destination. */
  readonly routes: readonly RoutedIntercept[]
  /** Names of the services that the table serves. */
  readonly served: ReadonlySet<string>
  /** Named services that no identity may dial at present. */
  readonly waiting: readonly string[]
  /** Configs that could not be used. Their services are left out; the others are not affected. */
  readonly failed: readonly { readonly service: string; readonly error: CodedError }[]
}

/** The wanted state of the host, from nothing but its arguments. */
export function buildTable(services: readonly OwnedService[], source: TableSource): BuiltTable {
  const dialable = firstOfEachName(services)
  const named = source.listeners ?? []
  const failed: { service: string; error: CodedError }[] = []
  const listeners = named.filter(({ service }) => dialable.has(service))
  const routes: RoutedIntercept[] = []

  for (const owned of dialable.values()) {
    const { name } = owned.service
    const error = (problem: CodedError): void => void failed.push({ service: name, error: problem })
    if (source.proxyConfigs) listeners.push(...proxyListeners(owned, error))
    if (source.addresses) routes.push(...routesOf(owned, error))
  }

  const table: InterceptTable = {
    listeners: withoutRepeats(listeners),
    intercepts: routes.map(({ service, intercept }) => ({ service, intercept })),
  }
  return {
    table,
    routes,
    served: new Set([...table.listeners.map(({ service }) => service), ...routes.map(({ service }) => service.name)]),
    waiting: [...new Set(named.map(({ service }) => service))].filter((name) => !dialable.has(name)),
    failed,
  }
}

function firstOfEachName(services: readonly OwnedService[]): Map<string, OwnedService> {
  const dialable = new Map<string, OwnedService>()
  for (const owned of services) {
    const { name, permissions } = owned.service
    if (permissions.includes('Dial') && !dialable.has(name)) dialable.set(name, owned)
  }
  return dialable
}

function proxyListeners({ service }: OwnedService, failed: (error: CodedError) => void): WantedListener[] {
  const proxy = proxyOf(service)
  if (!proxy) return []
  if (!proxy.ok) {
    failed(proxy.error)
    return []
  }
  const { port, protocols, binding } = proxy.value
  return protocols.map((protocol) => ({
    service: service.name,
    protocol,
    port,
    ...(binding !== undefined && { address: binding }),
  }))
}

function routesOf({ overlay, service }: OwnedService, failed: (error: CodedError) => void): RoutedIntercept[] {
  const intercept = interceptOf(service)
  if (!intercept) return []
  if (!intercept.ok) {
    failed(intercept.error)
    return []
  }
  return [{ overlay, service, intercept: intercept.value }]
}

/** The user may name what a `proxy.v1` config asks for too. */
function withoutRepeats(listeners: readonly WantedListener[]): WantedListener[] {
  const known = new Map<string, WantedListener>()
  for (const listener of listeners) {
    const key = JSON.stringify([listener.service, listener.protocol, listener.address, listener.port])
    if (!known.has(key)) known.set(key, listener)
  }
  return [...known.values()]
}
