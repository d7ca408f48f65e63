import type { Interceptor } from '@tunnel/core/contracts'
import { CodedError } from '@tunnel/flow'
import type { ProgramLog } from '../log/create-log.ts'
import type { HostInterceptor } from './host-interceptor.ts'
import type { InterceptorParts } from './tproxy.ts'

/** One way to take connections of this host by their addresses. A new one is added to `interceptorKinds`, nowhere else. */
export interface InterceptorKind {
  readonly kind: Interceptor['kind']
  /** Rejects when this host cannot have it. */
  create(parts: InterceptorParts): Promise<HostInterceptor>
}

const tproxy: InterceptorKind = {
  kind: 'tproxy',
  async create(parts) {
    const { openTproxy } = await import('./tproxy.ts')
    return openTproxy(parts)
  },
}

const tun: InterceptorKind = {
  kind: 'tun',
  async create(parts) {
    const { openTun } = await import('./tun.ts')
    return openTun(parts)
  },
}

/** In the order in which `run` tries them. */
export const interceptorKinds: readonly InterceptorKind[] = [tproxy, tun]

const source = 'ziti-tunnel/subcmd.run'

/** The first kind that works here, as the original's `run` chooses; every failure is said in one line. */
export async function createBestInterceptor(
  kinds: readonly InterceptorKind[],
  parts: InterceptorParts,
  log: ProgramLog,
): Promise<HostInterceptor> {
  for (const entry of kinds) {
    try {
      const interceptor = await entry.create(parts)
      log('info', source, `using ${entry.kind} interceptor`)
      return interceptor
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log('info', source, `${entry.kind} initialization failed: ${reason}`)
    }
  }
  throw new CodedError('cli.no-interceptor', 'failed to initialize an interceptor')
}
