import { interceptConfigOf } from '@tunnel/config'
import type { InterceptTable } from '@tunnel/core'
import type { RefuseReason, TcpRequest } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { leadsNowhere } from './relay.ts'
import { createSplitInterceptor } from './split-interceptor.ts'

function tableOf(...addresses: string[]): InterceptTable {
  const config = { 'intercept.v1': { protocols: ['tcp'], addresses, portRanges: [{ low: 80, high: 80 }] } }
  const service = { id: 'web', name: 'web', encryptionRequired: false, permissions: ['Dial'] as const, config }
  const parsed = interceptConfigOf(service)
  if (!parsed?.ok) throw new Error('the config of the test is wrong')
  return { listeners: [], intercepts: [{ service, intercept: parsed.value }] }
}

function setUp() {
  const went: string[] = []
  const split = createSplitInterceptor({
    hostnameOf: (address) => (address === '100.64.7.7' ? 'web.ziti' : undefined),
    others: ({ to }) => void went.push(`other ${to.address}:${to.port}`),
  })
  split.onRequest(({ to }) => void went.push(`overlay ${to.address}:${to.port}`))
  const ask = (address: string, port: number): string | undefined => {
    const refuse = (reason: RefuseReason): void => void went.push(`refused ${reason}`)
    split.take({ protocol: 'tcp', from: { address: '100.64.0.1', port: 1 }, to: { address, port }, refuse } as TcpRequest)
    return went.at(-1)
  }
  return { split, ask }
}

describe('createSplitInterceptor', () => {
  it('gives to the overlay what a service has, by address and by name, and the rest to others', async () => {
    const { split, ask } = setUp()
    expect(ask('10.1.2.3', 80)).toBe('other 10.1.2.3:80')
    expect(await split.apply(tableOf('10.1.0.0/16', 'web.ziti'))).toEqual({ applied: ["intercepting service 'web'"], removed: [], failed: [] })
    expect([ask('10.1.2.3', 80), ask('100.64.7.7', 80)]).toEqual(['overlay 10.1.2.3:80', 'overlay 100.64.7.7:80'])
    expect([ask('10.1.2.3', 81), ask('10.2.0.1', 80), ask('100.64.7.8', 80)]).toEqual(['other 10.1.2.3:81', 'other 10.2.0.1:80', 'other 100.64.7.8:80'])
    expect(await split.apply({ listeners: [], intercepts: [] })).toMatchObject({ removed: ["stopped intercepting service 'web'"] })
    expect(ask('10.1.2.3', 80)).toBe('other 10.1.2.3:80')
  })

  it('refuses everything once it is closed', async () => {
    const { split, ask } = setUp()
    await split.close()
    expect(ask('10.2.0.1', 80)).toBe('refused reset')
  })
})

it.each([
  ['127.0.0.1', true], ['0.0.0.0', true], ['224.0.0.251', true], ['255.255.255.255', true], ['::1', true], ['::', true], ['ff02::fb', true], ['fe80::1', true], ['::ffff:127.0.0.1', true],
  ['10.0.0.1', false], ['223.255.255.255', false], ['2001:db8::1', false], ['::2', false], ['fd7a::1', false],
])('leadsNowhere(%s): %s', (address, expected) => expect(leadsNowhere(address)).toBe(expected))
