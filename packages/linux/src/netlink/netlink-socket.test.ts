import { beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { encodeAttributes, u32 } from './attribute.ts'
import { concatBytes, encodeMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from './message.ts'
import { openNetlink, type NetlinkSocket } from './netlink-socket.ts'
import { RTM_GETROUTE, RTM_NEWROUTE } from './route.ts'

function route(index: number, flags = NLM_F_ACK): Uint8Array {
  const header = Uint8Array.of(2, 32, 0, 0, 0, 4, 254, 2, 0, 0, 0, 0)
  const attributes = encodeAttributes([[1, Uint8Array.of(10, 0, index >> 8, index & 0xff)], [15, u32(1000)], [4, u32(1)]])
  return encodeMessage(RTM_NEWROUTE, flags | NLM_F_CREATE | NLM_F_EXCL, concatBytes([header, attributes]))
}
const listed = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

describe.skipIf(noNetwork)('a netlink socket', () => {
  let socket: NetlinkSocket
  beforeAll(() => {
    enterOwnNetwork()
    socket = openNetlink(0)
  })

  it('checks ten thousand acknowledgements of one batch', () => {
    const before = socket.request(RTM_GETROUTE, NLM_F_DUMP, listed).length
    socket.sendBatch(concatBytes(Array.from({ length: 10_000 }, (_, index) => route(index))))
    expect(socket.request(RTM_GETROUTE, NLM_F_DUMP, listed)).toHaveLength(before + 10_000)
  })

  it('throws the first that was refused, with its place', () => {
    expect(() => socket.sendBatch(concatBytes([route(20_000), route(3), route(20_001), route(4)]))).toThrow(
      expect.objectContaining({ code: 'linux.exists', detail: expect.objectContaining({ index: 1, errno: 'EEXIST' }) }),
    )
  })

  it('hears of an error also where no acknowledgement was asked for', () => {
    expect(() => socket.sendBatch(concatBytes([route(20_002, 0), route(5, 0)]))).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ index: 1 }) }),
    )
    expect(() => socket.sendBatch(route(20_003, 0))).not.toThrow()
  })

  it("has the kernel's own words in the error", () => {
    const bad = encodeMessage(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, Uint8Array.of(2, 77, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0))
    expect(() => socket.sendBatch(bad)).toThrow(expect.objectContaining({ detail: expect.objectContaining({ kernel: 'Invalid prefix length' }) }))
  })

  it('refuses a batch whose lengths lie, and takes an empty one', () => {
    const lying = route(1)
    lying[0] = 200
    expect(() => socket.sendBatch(lying)).toThrow(RangeError)
    lying.fill(0, 0, 4)
    expect(() => socket.sendBatch(lying)).toThrow(RangeError)
    expect(() => socket.sendBatch(new Uint8Array(7))).toThrow(RangeError)
    expect(socket.exchange(new Uint8Array(0))).toEqual([])
  })

  it('says when it is closed, and which protocol the kernel does not have', () => {
    const other = openNetlink(0)
    other.close()
    other.close()
    expect(() => other.sendBatch(route(1))).toThrow('closed')
    expect(() => openNetlink(30)).toThrow(expect.objectContaining({ code: 'linux.unsupported' }))
  })
})
