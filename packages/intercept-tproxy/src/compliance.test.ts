import { interceptorCompliance } from '@tunnel/core/compliance'
import { tableOf, wanted } from '@tunnel/core/testing'
import { createVirtualClock } from '@tunnel/flow/testing'
import { beforeAll, describe, expect } from 'vitest'
import { enterOwnHost, noNetwork } from '../../../tooling/src/testing-host/own-network.ts'
import { openScratchState } from '../../../tooling/src/testing-host/scratch-state.ts'
import { ServiceClients, serviceAddress, servicePort, serviceRanges, untilNothingLingers } from '../../../tooling/src/testing-host/service-clients.ts'
import { createTproxyInterceptor } from './tproxy-interceptor.ts'

describe.skipIf(noNetwork)('in a network of its own', () => {
  beforeAll(() => enterOwnHost({ wayOut: false }))

  for (const firewall of ['nftables', 'iptables'] as const)
    for (const family of [4, 6] as const)
      for (const kind of ['address', 'name'] as const) {
        const addressOf = (service: string): string => serviceAddress(family, service)
        interceptorCompliance(`createTproxyInterceptor (${firewall}, IPv${family}, by ${kind})`, async () => {
          const state = await openScratchState()
          const clock = createVirtualClock()
          const clients = new ServiceClients(family)
          const interceptor = await createTproxyInterceptor({ host: state.host, clock, slot: 0, firewall, addressesOf: (name) => [addressOf(name)], poolRanges: serviceRanges })
          return {
            interceptor,
            table: (...names) => tableOf(...names.map((name) => wanted(name, { to: kind === 'name' && name !== 'bad' ? name : addressOf(name), ports: servicePort }))),
            breakService: async (service, breaks) => clients.setBroken(service, breaks),
            connect: (service, signal) => clients.connect(service, signal),
            async close() {
              clients.close()
              await interceptor.close()
              await untilNothingLingers(interceptor, () => void clock.advance(10_000))
              await interceptor.close()
              expect(await state.close()).toMatchObject({ undone: 0, left: [], failed: [] })
            },
          }
        })
      }
})
