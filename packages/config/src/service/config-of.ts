import { parsed } from '../parsed.ts'
import type { Parsed } from '../parsed.ts'
import { parseHostV1 } from './host-v1.ts'
import type { HostV1 } from './host-v1.ts'
import { parseHostV2 } from './host-v2.ts'
import { parseInterceptV1 } from './intercept-v1.ts'
import type { InterceptV1 } from './intercept-v1.ts'
import { inService } from './members.ts'
import { parseProxyV1 } from './proxy-v1.ts'
import type { ProxyV1 } from './proxy-v1.ts'
import type { Service } from './service.ts'
import { hostOfTunnelerServer, interceptOfTunnelerClient, parseTunnelerClientV1, parseTunnelerServerV1 } from './tunneler-v1.ts'

/** Names of the config types that this package reads, for a controller's `configTypes` query. */
export const configTypeNames = [
  'ziti-tunneler-client.v1',
  'ziti-tunneler-server.v1',
  'intercept.v1',
  'host.v1',
  'host.v2',
  'proxy.v1',
] as const

type Reader<T> = readonly [type: (typeof configTypeNames)[number], read: (json: unknown) => Parsed<T>]

/** `undefined` when the service has no config of these types, else the first one's, also when it is invalid. */
function firstConfig<T>({ name, config }: Service, readers: readonly Reader<T>[]): Parsed<T> | undefined {
  for (const [type, read] of readers) {
    const json = Object.hasOwn(config, type) ? config[type] : undefined
    if (json !== undefined && json !== null) return inService(name, read(json))
  }
  return undefined
}

function map<T, U>(result: Parsed<T>, convert: (value: T) => U): Parsed<U> {
  return result.ok ? parsed(convert(result.value)) : result
}

/** `intercept.v1`, else `ziti-tunneler-client.v1` as one for tcp and udp (protocol section 6.2). */
export function interceptConfigOf(service: Service): Parsed<InterceptV1> | undefined {
  return firstConfig(service, [
    ['intercept.v1', parseInterceptV1],
    ['ziti-tunneler-client.v1', (json) => map(parseTunnelerClientV1(json), interceptOfTunnelerClient)],
  ])
}

/** One listener each: of `host.v2`, else of `host.v1`, else of `ziti-tunneler-server.v1` (protocol section 6.5). */
export function hostConfigsOf(service: Service): Parsed<readonly HostV1[]> | undefined {
  return firstConfig<readonly HostV1[]>(service, [
    ['host.v2', (json) => map(parseHostV2(json), ({ terminators }) => terminators)],
    ['host.v1', (json) => map(parseHostV1(json), (host) => [host])],
    ['ziti-tunneler-server.v1', (json) => map(parseTunnelerServerV1(json), (server) => [hostOfTunnelerServer(server)])],
  ])
}

export function proxyConfigOf(service: Service): Parsed<ProxyV1> | undefined {
  return firstConfig(service, [['proxy.v1', parseProxyV1]])
}
