import type { Log, TcpRequest, UdpRequest } from '@tunnel/flow'
import type { HostState } from '@tunnel/linux'
import { answer, describeRequest } from '../../../../tooling/src/testing-host/clients.ts'
import { createTunInterceptor, type TunInterceptor } from '../tun-interceptor.ts'
import type { TunInterceptorOptions } from '../tun-options.ts'
import { run } from '../../../../tooling/src/testing-host/own-network.ts'
import { openScratchState } from '../../../../tooling/src/testing-host/scratch-state.ts'

export interface World {
  readonly tun: TunInterceptor
  readonly host: HostState
  readonly requests: (TcpRequest | UdpRequest)[]
  readonly logged: string[]
  /** Where the requests went: `tcp 1.2.3.4 80 from 192.0.2.1`. */
  seen(): string[]
  close(): Promise<void>
}

/** An interceptor that answers: TCP with where the connection was going and then an echo, UDP with an echo. */
export async function openWorld(options: Partial<TunInterceptorOptions> = {}): Promise<World> {
  const state = await openScratchState()
  const { host } = state
  const requests: (TcpRequest | UdpRequest)[] = []
  const logged: string[] = []
  const log: Log = (level, _source, message) => void logged.push(`${level} ${message}`)
  const tun = await createTunInterceptor({ host, slot: 0, log, udpIdle: 300, ...options })
  tun.onRequest((request) => {
    requests.push(request)
    answer(request)
  })
  return {
    tun,
    host,
    requests,
    logged,
    seen: () => requests.map(describeRequest),
    async close() {
      await tun.close()
      for (let turn = 0; run('ip', 'link').includes(`${tun.link}:`); turn++) {
        if (turn === 400) throw new Error('flows linger')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      await state.close()
    },
  }
}
