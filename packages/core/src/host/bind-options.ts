import { expandTemplate } from '@tunnel/config'
import type { HostV1, Parsed, Service } from '@tunnel/config'
import type { BindOptions, OverlayIdentity, Precedence } from '../contracts/overlay.ts'

/** How preferable a terminator of ours is, before health checks have their say. */
export interface Baseline {
  readonly cost: number
  readonly precedence: Precedence
}

/** Identity defaults < `listenOptions` < what the identity has for this service (protocol section 5.5). */
export function baselineOf(service: Service, { listenOptions }: HostV1, identity: OverlayIdentity): Baseline {
  return {
    cost: own(identity.serviceHostingCosts, service.id) ?? listenOptions.cost ?? identity.defaultHostingCost,
    precedence:
      own(identity.serviceHostingPrecedences, service.id) ?? listenOptions.precedence ?? identity.defaultHostingPrecedence,
  }
}

/** How to offer one host config. Fails with `config.template`. */
export function bindOptionsOf(service: Service, host: HostV1, identity: OverlayIdentity): Parsed<BindOptions> {
  const { bindUsingEdgeIdentity, identity: template, maxConnections } = host.listenOptions
  const { name, appData } = identity
  const instance = expandTemplate(template ?? '', { tunnelerName: name, appData })
  if (!instance.ok) return instance
  const terminator = bindUsingEdgeIdentity ? name : instance.value
  return {
    ok: true,
    value: {
      ...baselineOf(service, host, identity),
      ...(terminator !== '' && { identity: terminator }),
      ...(maxConnections !== undefined && { maxConnections }),
    },
  }
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
