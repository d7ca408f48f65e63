import { expandTemplate } from '@tunnel/config'
import type { TemplateValues } from '@tunnel/config'
import type { Milliseconds, TcpRequest, UdpRequest } from '@tunnel/flow'
import type { DialRequest } from '../contracts/overlay.ts'
import { appDataOf } from './app-data.ts'
import type { Route } from './route.ts'

/**
 * Time for a dial where the service says nothing. The Go tunneler allows 5 s, but a controller tries a silent host
 * twice, up to 5 s each (protocol section 11.1): with 15 s the client gets the true reason instead of our time-out.
 */
export const defaultDialTimeout: Milliseconds = 15_000

/** The dial of a request, with the templates of its service filled in. Throws `config.template` for a broken one. */
export function dialRequestOf(request: TcpRequest | UdpRequest, route: Route, hostname?: string): DialRequest {
  const { protocol, from, to } = request
  const { intercept, overlay } = route
  const values: TemplateValues = {
    tunnelerName: overlay.identity.name,
    appData: overlay.identity.appData,
    source: from,
    destination: to,
    protocol,
    ...(hostname !== undefined && { hostname }),
  }
  const identity = expand(intercept?.dialOptions?.identity, values)
  const sourceAddress = expand(intercept?.sourceIp, values)
  const seconds = intercept?.dialOptions?.connectTimeoutSeconds
  return {
    protocol,
    timeout: seconds ? seconds * 1_000 : defaultDialTimeout,
    appData: appDataOf({ protocol, from, to, hostname, sourceAddress }),
    ...(identity !== undefined && { identity }),
  }
}

/** An empty result is as good as no template: it names no instance and no source. */
function expand(template: string | undefined, values: TemplateValues): string | undefined {
  if (!template) return undefined
  const text = expandTemplate(template, values)
  if (!text.ok) throw text.error
  return text.value === '' ? undefined : text.value
}
