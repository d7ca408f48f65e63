import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log, TcpRequest, UdpRequest } from '@tunnel/flow'
import { createVirtualClock, type VirtualClock } from '@tunnel/flow/testing'
import { openHostState, type HostState } from '@tunnel/linux'
import { answer, describeRequest } from '../../../../tooling/src/testing-host/clients.ts'
import { createTproxyInterceptor, type TproxyInterceptor } from '../tproxy-interceptor.ts'
import type { TproxyInterceptorOptions } from '../tproxy-options.ts'

export interface World {
  readonly tproxy: TproxyInterceptor
  readonly host: HostState
  /** Stands still until it is advanced. */
  readonly clock: VirtualClock
  readonly requests: (TcpRequest | UdpRequest)[]
  readonly logged: string[]
  /** Where the requests went: `tcp 1.2.3.4 80 from 192.0.2.1`. */
  seen(): string[]
  close(): Promise<void>
}

/** An interceptor that answers: TCP with where the connection was going and then an echo, UDP with an echo. */
export async function openWorld(options: Partial<TproxyInterceptorOptions> = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'tproxy-'))
  const host = await openHostState({ stateDirectory: directory, janitor: false })
  const requests: (TcpRequest | UdpRequest)[] = []
  const logged: string[] = []
  const clock = createVirtualClock()
  const restore = async (): Promise<void> => {
    await host.restore()
    rmSync(directory, { recursive: true })
  }
  const log: Log = (level, _source, message) => void logged.push(`${level} ${message}`)
  const tproxy = await createTproxyInterceptor({ host, slot: 0, clock, log, ...options }).catch(async (error: unknown) => {
    await restore()
    throw error
  })
  tproxy.onRequest((request) => {
    requests.push(request)
    answer(request)
  })
  return {
    tproxy,
    host,
    clock,
    requests,
    logged,
    seen: () => requests.map(describeRequest),
    async close() {
      await tproxy.close()
      for (let turn = 0; tproxy.stats.lingeringFlows > 0; turn++) {
        if (turn === 400) throw new Error('flows linger')
        clock.advance(300_000)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await tproxy.close()
      await restore()
    },
  }
}
