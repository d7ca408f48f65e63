import { readSync, writeSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRouteControl, type RouteControl } from '../netlink/route-control.ts'
import { enterOwnNetwork, noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { openTunLink } from './tun-link.ts'

describe.skipIf(noNetwork)('a TUN link', () => {
  let control: RouteControl
  beforeAll(() => {
    enterOwnNetwork()
    control = openRouteControl()
  })
  afterAll(() => control.close())

  it('carries packets, and takes address and routes with it when it closes', async () => {
    const link = openTunLink({ name: 'ziti%d' })
    expect(link.name).toBe('ziti0')
    expect(control.links()).toContainEqual(expect.objectContaining({ name: 'ziti0', index: link.index, up: false }))
    control.addAddress({ family: 4, address: '10.9.0.1', prefixLength: 32, device: link.name })
    control.setLink(link.name, { up: true, mtu: 1400 })
    control.addRoutes([{ family: 4, destination: '10.9.1.0/24', device: link.name }])

    const socket = createSocket('udp4')
    socket.send('hello', 7, '10.9.1.7')
    const packet = Buffer.alloc(2048)
    const length = await expect.poll(() => readPacket(link.fd, packet)).toBeGreaterThan(0).then(() => packet.readUInt16BE(2))
    expect(packet.subarray(28, length).toString()).toBe('hello')
    socket.close()

    // Answered by turning the addresses round; the sums stay what they were.
    const reply = Buffer.from(packet.subarray(0, length))
    packet.copy(reply, 12, 16, 20)
    packet.copy(reply, 16, 12, 16)
    expect(writeSync(link.fd, reply)).toBe(length)

    link.close()
    link.close()
    expect(control.links().map(({ name }) => name)).toEqual(['lo'])
    expect(control.routes({ family: 4 }).filter(({ destination }) => destination === '10.9.1.0/24')).toEqual([])
  })

  it('says when its name is taken, or none', () => {
    const link = openTunLink({ name: 'mine' })
    expect(() => openTunLink({ name: 'mine' })).toThrow(
      expect.objectContaining({ code: 'linux.exists', message: expect.stringContaining('Cannot create the TUN link mine') }),
    )
    link.close()
    expect(() => openTunLink({ name: 'a-name-too-long-' })).toThrow(expect.objectContaining({ code: 'linux.invalid' }))
    expect(() => openTunLink({ name: '' })).toThrow(expect.objectContaining({ code: 'linux.invalid' }))
  })
})

/** IPv4 only: the kernel also sends IPv6 router solicitations. */
function readPacket(fd: number, packet: Buffer): number {
  try {
    const length = readSync(fd, packet)
    return packet[0]! >> 4 === 4 ? length : 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}
