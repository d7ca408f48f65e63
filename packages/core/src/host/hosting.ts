import type { Service } from '@tunnel/config'
import { describeError } from '../errors/describe-error.ts'
import type { Overlay } from '../contracts/overlay.ts'
import { hostsOf } from '../services/parsed-config.ts'
import type { OwnedService } from '../services/service-directory.ts'
import { createHostedTerminator } from './hosted-terminator.ts'
import type { HostContext } from './host-context.ts'
import type { HostedStatus, HostedTerminator } from './hosted-terminator.ts'

/** Offers, for every identity, the services that it may bind and that have a host config. */
export interface Hosting {
  /** Makes it so: begins, replaces and ends what differs. The whole wanted state each time. */
  apply(services: readonly OwnedService[]): void
  status(): HostedStatus[]
  /** Withdraws everything. Connections that are alive go on. */
  close(): Promise<void>
}

interface Hosted {
  readonly overlay: Overlay
  readonly fingerprint: string
  readonly terminators: readonly HostedTerminator[]
}

/** Whether a service can be hosted by whoever sees it so: the permission, and a config that says where it leads. */
export function isHostable(service: Service): boolean {
  return service.permissions.includes('Bind') && hostsOf(service)?.ok === true
}

export function createHosting(context: HostContext): Hosting {
  const hosted = new Map<string, Hosted>()
  /** Config errors that were logged, so that a change elsewhere does not log them again. */
  const told = new WeakSet<Service>()
  const ending = new Set<Promise<void>>()

  const end = (key: string, { terminators }: Hosted): void => {
    hosted.delete(key)
    const ended: Promise<void> = Promise.all(terminators.map((terminator) => terminator.close()))
      .then(() => {})
      .catch((error: unknown) => context.log('warn', 'core/host.close', describeError(error)))
      .finally(() => ending.delete(ended))
    ending.add(ended)
  }

  const tell = (service: Service): void => {
    const hosts = hostsOf(service)
    if (hosts?.ok !== false || told.has(service)) return
    told.add(service)
    context.log('error', 'core/host.apply', describeError(hosts.error), { service: service.name })
  }

  return {
    apply(services) {
      const wanted = new Map(
        services
          .filter(({ service }) => service.permissions.includes('Bind'))
          .map((owned) => [JSON.stringify([owned.overlay.identity.id, owned.service.id]), owned] as const),
      )
      for (const [key, running] of hosted) {
        const owned = wanted.get(key)
        if (!owned || fingerprintOf(owned.service) !== running.fingerprint || owned.overlay !== running.overlay) end(key, running)
      }
      for (const [key, { overlay, service }] of wanted) {
        tell(service)
        const hosts = hostsOf(service)
        if (hosted.has(key) || !hosts?.ok) continue
        const terminators = hosts.value.map((host) => createHostedTerminator(overlay, service, host, context))
        hosted.set(key, { overlay, fingerprint: fingerprintOf(service), terminators })
      }
    },
    status: () => [...hosted.values()].flatMap(({ terminators }) => terminators.map((terminator) => terminator.status())),
    async close() {
      for (const [key, running] of hosted) end(key, running)
      await Promise.all(ending)
    },
  }
}

/** What a terminator depends on: a change of anything else leaves it alone, and its callers with it. */
function fingerprintOf({ name, encryptionRequired, config }: Service): string {
  return JSON.stringify([name, encryptionRequired, config['host.v2'], config['host.v1'], config['ziti-tunneler-server.v1']])
}
