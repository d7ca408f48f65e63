import { formatEndpoint } from '@tunnel/flow'
import type { Endpoint, Protocol } from '@tunnel/flow'
import { notParsed, parsed } from '../parsed.ts'
import type { Parsed } from '../parsed.ts'

/** What the variables of a template stand for, for one intercepted connection. */
export interface TemplateValues {
  /** Name of the intercepting identity. */
  readonly tunnelerName: string
  readonly appData?: Readonly<Record<string, unknown>>
  readonly source?: Endpoint
  readonly destination?: Endpoint
  /** Name under which the program looked the destination up. */
  readonly hostname?: string
  readonly protocol?: Protocol
}

const variable = /\$(?:tunneler_id\.name|tunneler_id\.appData\[([^\]]*)\]|src_ip|src_port|dst_ip|dst_port|dst_hostname|dst_protocol)/g
const appDataStart = '$tunneler_id.appData['
const longestShown = 200

/** If one has no closing bracket, the last one has none. A regular expression would take quadratic time. */
function isUnclosed(text: string): boolean {
  const at = text.lastIndexOf(appDataStart)
  return at >= 0 && !text.includes(']', at)
}

/**
 * Fills in `dialOptions.identity`, `sourceIp` and `listenOptions.identity` (protocol section 6.1). A variable whose value
 * is unknown stays literal; a missing appData key is empty. What a value holds is not expanded again. Fails with
 * `config.template`.
 */
export function expandTemplate(text: string, values: TemplateValues): Parsed<string> {
  if (isUnclosed(text)) {
    return notParsed('config.template', `template ${JSON.stringify(text.slice(0, longestShown))}: $tunneler_id.appData[ has no closing bracket`)
  }
  // The one template that is an endpoint: an IPv6 address needs its brackets there.
  if (text === '$src_ip:$src_port' && values.source) return parsed(formatEndpoint(values.source))
  return parsed(text.replace(variable, (written: string, key?: string) => valueOf(written, key, values) ?? written))
}

function valueOf(written: string, key: string | undefined, values: TemplateValues): string | undefined {
  if (key !== undefined) return appDataText(values.appData, key)
  switch (written) {
    case '$tunneler_id.name':
      return values.tunnelerName
    case '$src_ip':
      return values.source?.address
    case '$src_port':
      return values.source?.port.toString()
    case '$dst_ip':
      return values.destination?.address
    case '$dst_port':
      return values.destination?.port.toString()
    case '$dst_hostname':
      return values.hostname
    default:
      return values.protocol
  }
}

function appDataText(appData: Readonly<Record<string, unknown>> | undefined, key: string): string {
  const value = appData && Object.hasOwn(appData, key) ? appData[key] : ''
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}
