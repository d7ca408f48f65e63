import { beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, noNetwork, run } from '../../../../tooling/src/testing-host/own-network.ts'
import { openRouteControl } from './route-control.ts'

describe.skipIf(noNetwork)('addresses that are looked for elsewhere still', () => {
  beforeAll(() => enterOwnNetwork())

  it('say so', () => {
    run('ip', 'link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right')
    run('ip', 'link', 'set', 'left', 'up')
    run('ip', 'link', 'set', 'right', 'up')
    run('ip', '-6', 'addr', 'add', '2001:db8::1/64', 'dev', 'left')
    run('ip', '-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'left', 'nodad')
    const control = openRouteControl()
    const tentative = (address: string) => control.addresses().find((each) => each.address === address)?.tentative
    expect([tentative('2001:db8::1'), tentative('2001:db8::2'), tentative('::1')]).toEqual([true, undefined, undefined])
    control.close()
  })
})
