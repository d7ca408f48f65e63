import { bestMatch } from '@tunnel/config'
import type { InterceptV1 } from '@tunnel/config'
import type { TcpRequest, UdpRequest } from '@tunnel/flow'
import type { RoutedIntercept } from '../intercept-table/build-table.ts'
import { interceptOf } from '../services/parsed-config.ts'
import type { OwnedService, ServiceDirectory } from '../services/service-directory.ts'

/** Where a request goes: by which identity, to which service, and what its config says about dialling. */
export interface Route extends OwnedService {
  readonly intercept?: InterceptV1 | undefined
}

/** DNS names of addresses that the tunneler's own DNS handed out. */
export type HostnameOf = (address: string) => string | undefined

/**
 * Requests of named listeners go to their service, whatever its addresses; all others to the intercept that fits the
 * destination best (protocol section 6.1).
 */
export function routeOf(
  request: TcpRequest | UdpRequest,
  directory: ServiceDirectory,
  routes: readonly RoutedIntercept[],
  hostname?: string,
): Route | undefined {
  if (request.service !== undefined) {
    const owned = directory.dialable(request.service)
    const intercept = owned && interceptOf(owned.service)
    return owned && { ...owned, intercept: intercept?.ok ? intercept.value : undefined }
  }
  return bestMatch(routes, {
    protocol: request.protocol,
    address: request.to.address,
    port: request.to.port,
    source: request.from.address,
    ...(hostname !== undefined && { hostname }),
  })
}
