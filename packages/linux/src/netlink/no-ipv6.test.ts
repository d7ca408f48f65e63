import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, noNetwork, run } from '../../../../tooling/src/testing-host/own-network.ts'
import { openNetlink } from './netlink-socket.ts'
import { openRouteControl, type RouteControl } from './route-control.ts'

const AF_INET6 = 10
/** No kernel has routes of it (AF_RDS): its answers are those of a kernel without IPv6 (ipv6.disable=1). */
const AF_NONE = 21

describe.skipIf(noNetwork)('route control on a kernel without IPv6', () => {
  let control: RouteControl
  beforeAll(() => {
    enterOwnNetwork()
    const netlink = openNetlink(0)
    control = openRouteControl({
      fd: netlink.fd,
      port: netlink.port,
      request: (type, flags, payload) => netlink.request(type, flags, payload[0] === AF_INET6 ? Uint8Array.of(AF_NONE, ...payload.subarray(1)) : payload),
      sendBatch: (messages) => netlink.sendBatch(messages),
      exchange: (messages) => netlink.exchange(messages),
      close: () => netlink.close(),
    })
    run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'lo')
  })
  afterAll(() => control.close())

  it('has no way to IPv6 addresses, and no IPv6 routes and rules', () => {
    expect(control.routeTo('2000::1')).toBeUndefined()
    expect(control.routes({ family: 6 }).filter(({ family }) => family !== 6)).toEqual([])
    expect(control.rules(6)).toEqual([])
  })

  it('lists the others once', () => {
    const routes = control.routes()
    expect(routes.filter(({ destination }) => destination === '192.0.2.1/32')).toHaveLength(1)
    expect(control.rules().map(({ family }) => family)).toEqual([4, 4, 4])
    expect(control.addresses().filter(({ address }) => address === '192.0.2.1')).toHaveLength(1)
  })
})
