import { ContentType, HeaderId, uint32Header } from '@tunnel/edge/wire'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { connId, settle } from './testing/sdk-peer.ts'
import { createTestNetwork, type TestNetworkOptions } from './testing/test-network.ts'

async function twoRouters(options: TestNetworkOptions = {}) {
  const clock = createVirtualClock()
  const network = createTestNetwork({ clock, ...options })
  const [near, far] = [network.router('near'), network.router('far')]
  const host = await network.sdk(far, 'host')
  const bind = async (sdk = host): Promise<void> => {
    sdk.says(ContentType.Bind, [connId(1), [HeaderId.RouterProvidedConnId, Uint8Array.of(1)]], 'Bind:echo')
    await sdk.hears(ContentType.StateConnected)
    clock.advance(10)
  }
  await bind()
  return { clock, network, near, far, host, bind, dialer: await network.sdk(near) }
}

describe('a circuit between two routers', () => {
  it('carries data both ways', async () => {
    const { host, dialer, near, far, network } = await twoRouters()
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    const id = await host.accepts()
    await dialer.hears(ContentType.StateConnected)
    dialer.data(1, 'over')
    expect((await host.hears(ContentType.Data)).text).toBe('over')
    host.data(id, 'and back')
    expect((await dialer.hears(ContentType.Data)).text).toBe('and back')
    expect([near.stats().circuits, far.stats().circuits, network.fabric.stats().circuits]).toEqual([1, 0, 1])
  })

  it('ends when its link is cut; new ones fail, or end elsewhere', async () => {
    const { host, dialer, network, near, bind } = await twoRouters()
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    const id = await host.accepts()
    await dialer.hears(ContentType.StateConnected)
    network.fabric.cutLink('far', 'near')
    expect((await dialer.hears(ContentType.StateClosed)).connectionId).toBe(1)
    expect((await host.hears(ContentType.StateClosed)).connectionId).toBe(id)
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    expect((await dialer.hears(ContentType.StateClosed)).text).toMatch(/^service echo has no online terminators/)
    const other = await network.sdk(near, 'bob')
    await bind(other)
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    await other.accepts()
    await dialer.hears(ContentType.StateConnected)
    network.fabric.mendLink('near', 'far')
    dialer.says(ContentType.Connect, [connId(2)], 'Dial:echo')
    await host.accepts()
  })

  it('ends when the far router is killed', async () => {
    const { host, dialer, far, network } = await twoRouters()
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    await host.accepts()
    await dialer.hears(ContentType.StateConnected)
    far.kill()
    expect((await dialer.hears(ContentType.StateClosed)).connectionId).toBe(1)
    expect(network.terminators).toEqual([])
    expect(network.fabric.stats()).toEqual({ circuits: 0, routers: 1 })
  })

  it('takes the time of its link, in order, the close last', async () => {
    const { clock, host, dialer, network } = await twoRouters()
    network.fabric.delayLink('near', 'far', 100)
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    await settle()
    expect(host.unheard).toEqual([])
    clock.advance(100)
    const id = await host.accepts()
    host.data(id, 'hello')
    await settle()
    expect(dialer.unheard).toEqual([])
    clock.advance(100)
    await dialer.hears(ContentType.StateConnected)
    dialer.data(1, 'one')
    dialer.data(1, 'two')
    dialer.says(ContentType.StateClosed, [connId(1)])
    await settle()
    clock.advance(99)
    await settle()
    expect(host.unheard).toEqual([])
    clock.advance(1)
    expect((await host.hears(ContentType.Data)).text).toBe('one')
    expect((await host.hears(ContentType.Data)).text).toBe('two')
    expect((await host.hears(ContentType.StateClosed)).connectionId).toBe(id)
  })

  it('tries the next terminator when a host says nothing', async () => {
    const { clock, network, near, dialer, host, bind } = await twoRouters({ fabricFaults: { silentHost: (id) => id === network0 } })
    const network0 = network.terminators[0]!.id
    const other = await network.sdk(near, 'bob')
    await bind(other)
    dialer.says(ContentType.Connect, [connId(1)], 'Dial:echo')
    await host.accepts()
    await settle()
    clock.advance(5000)
    await other.accepts()
    const connected = await dialer.hears(ContentType.StateConnected)
    expect(uint32Header(connected.headers, 1101)).toBe(2)
  })
})
