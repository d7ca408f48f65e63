import { connect } from 'node:net'
import { once } from 'node:events'
import { beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { openTunDevice } from '../tun/tun-device.ts'
import { openRouteControl } from './route-control.ts'
import { openSocketDiag } from './socket-diag.ts'

describe.skipIf(noNetwork)('the sockets of the kernel', () => {
  beforeAll(() => enterOwnNetwork())

  it.each(['10.9.1.7', 'fd09:1::7'])('tell who waits for %s', async (host) => {
    const device = openTunDevice()
    const control = openRouteControl()
    const family = host.includes(':') ? 6 : 4
    control.addAddress({ family, address: family === 6 ? 'fd09::1' : '10.9.0.1', prefixLength: family === 6 ? 128 : 32, device: device.name })
    control.addRoutes([{ family, destination: host, device: device.name }])
    await expect.poll(() => control.routes({ table: 255, family }).length, { interval: 2 }).toBeGreaterThan(1)
    const diag = openSocketDiag()
    const asked = new Promise<number>((resolve) =>
      device.start((packets) => {
        for (const packet of packets) if (packet[family === 6 ? 6 : 9] === 6) resolve(Buffer.from(packet).readUInt16BE(family === 6 ? 40 : 20))
      }),
    )
    const socket = connect({ host, port: 4711 })
    const from = { address: family === 6 ? 'fd09::1' : '10.9.0.1', port: await asked }
    expect(diag.isConnecting(from, { address: host, port: 4711 })).toBe(true)
    expect(diag.isConnecting(from, { address: host, port: 4712 })).toBe(false)
    socket.destroy()
    await once(socket, 'close')
    expect(diag.isConnecting(from, { address: host, port: 4711 })).toBe(false)
    expect(diag.isConnecting(from, { address: 'nowhere', port: 1 })).toBe(false)
    diag.close()
    control.close()
    await device.close()
  })
})
