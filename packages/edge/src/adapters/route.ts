import { CodedError } from '@tunnel/flow'
import { bestMatch, interceptConfigOf, type Service } from '@tunnel/config'
import type { DialRequest } from '../circuit/dial.ts'
import type { EdgeOverlay } from '../overlay.ts'

/** Where an application wants to go: a service name, or an address that a service intercepts. */
export interface Target {
  readonly hostname: string
  readonly port: number
}

/** The service for a host name. Throws `dial.no-service`. */
export function serviceFor({ services }: Pick<EdgeOverlay, 'services'>, { hostname, port }: Target): Service {
  const named = services.get(hostname)
  if (named?.permissions.includes('Dial')) return named
  const candidates = [...services.values()].flatMap((service) => {
    const intercept = service.permissions.includes('Dial') ? interceptConfigOf(service) : undefined
    return intercept?.ok ? [{ service, intercept: intercept.value }] : []
  })
  const found = bestMatch(candidates, { protocol: 'tcp', address: hostname, port })
  if (found) return found.service
  throw new CodedError('dial.no-service', `no service that this identity may dial is named '${hostname}' or intercepts ${hostname}:${port}`, { detail: { hostname, port } })
}

/** AppData as a tunneler sends it (protocol section 4.4). */
export const dialRequest = ({ hostname, port }: Target): DialRequest => ({
  protocol: 'tcp',
  appData: { dst_protocol: 'tcp', dst_hostname: hostname, dst_port: String(port) },
})
