import type { Log, TcpRequest, UdpRequest } from '@tunnel/flow'
import { createVirtualClock, type VirtualClock } from '@tunnel/flow/testing'
import type { HostState } from '@tunnel/linux'
import { answer, describeRequest } from '../../../../tooling/src/testing-host/clients.ts'
import { openScratchState } from '../../../../tooling/src/testing-host/scratch-state.ts'
import { untilNothingLingers } from '../../../../tooling/src/testing-host/service-clients.ts'
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
  const state = await openScratchState()
  const { host } = state
  const requests: (TcpRequest | UdpRequest)[] = []
  const logged: string[] = []
  const clock = createVirtualClock()
  const log: Log = (level, _source, message) => void logged.push(`${level} ${message}`)
  const tproxy = await createTproxyInterceptor({ host, slot: 0, clock, log, ...options }).catch(async (error: unknown) => {
    await state.close()
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
      await untilNothingLingers(tproxy, () => void clock.advance(300_000))
      await tproxy.close()
      await state.close()
    },
  }
}
