import type { Interceptor } from '@tunnel/core/contracts'
import type { ProgramLog } from './log/create-log.ts'

export interface InterceptorOptions {
  /** Address that local listeners bind to where nothing else says so. */
  readonly bind: string
  readonly log: ProgramLog
}

/** One way to take connections from programs of this host. A new one is added to `interceptorKinds`, nowhere else. */
export interface InterceptorKind {
  readonly kind: Interceptor['kind']
  /** Takes connections by their addresses; without it programs have to be pointed to our listeners. */
  readonly transparent: boolean
  /** Rejects when this host cannot have it. */
  create(options: InterceptorOptions): Promise<Interceptor>
}

const proxy: InterceptorKind = {
  kind: 'proxy',
  transparent: false,
  async create({ bind, log }) {
    const { createProxyInterceptor } = await import('@tunnel/intercept-proxy')
    return createProxyInterceptor({ bind, log })
  },
}

/** In the order in which `run` tries them. */
export const interceptorKinds: readonly InterceptorKind[] = [proxy]

/** The first kind that works here, as the original's `run` chooses; every failure is said in one line. */
export async function createBestInterceptor(
  kinds: readonly InterceptorKind[],
  options: InterceptorOptions,
): Promise<Interceptor | undefined> {
  for (const entry of kinds) {
    try {
      const interceptor = await entry.create(options)
      options.log('info', 'ziti-tunnel/subcmd.run', `using ${entry.kind} interceptor`)
      return interceptor
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      options.log('info', 'ziti-tunnel/subcmd.run', `${entry.kind} initialization failed: ${reason}`)
    }
  }
  return undefined
}

export async function createInterceptor(kind: Interceptor['kind'], options: InterceptorOptions): Promise<Interceptor> {
  const entry = interceptorKinds.find((candidate) => candidate.kind === kind)
  if (entry === undefined) throw new TypeError(`no interceptor of kind ${kind} is registered`)
  return entry.create(options)
}
