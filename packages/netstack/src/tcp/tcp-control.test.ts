import { createFlowPair, createVirtualClock } from '@tunnel/flow/testing'
import { systemClock, type Clock, type Flow, type PacketDevice } from '@tunnel/flow'
import { afterEach, describe, expect, it } from 'vitest'
import { createMemoryPipe } from '../device/memory-pipe.ts'
import { createNetstack, type Netstack, type NetstackOptions } from '../stack.ts'
import { buildIcmp } from '../testing/build-packet.ts'
import { DropCounts } from '../wire/drop-counts.ts'
import { parseIp } from '../wire/ip.ts'
import { IpPacket } from '../wire/ip-packet.ts'
import { tcpControl } from './tcp-control.ts'
import type { TcpReport } from './tcp-report.ts'

const stacks: Netstack[] = []
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close()
})

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
}

/** Two stacks; what the client sends is written down, and packets can be slipped in. */
async function connected(tcp: NetstackOptions['tcp'] = {}, clock: Clock = systemClock) {
  const line = { cut: false }
  const [left, right] = createMemoryPipe()
  const sent: Uint8Array[] = []
  let receive: (packets: readonly Uint8Array[]) => void = () => {}
  const watched: PacketDevice = {
    ...left,
    name: 'watched',
    mtu: left.mtu,
    offload: left.offload,
    start: (deliver) => left.start((receive = deliver)),
    transmit(parts) {
      sent.push(Uint8Array.from(parts.flatMap((part) => [...part])))
      return line.cut || left.transmit(parts)
    },
    close: () => left.close(),
  }
  const client = createNetstack({ device: watched, addresses: ['10.0.0.1', '10.0.0.7'], tcp, clock })
  const server = createNetstack({ device: right, addresses: ['10.0.0.2'], any: true, tcp, clock })
  stacks.push(client, server)
  const accepted: Flow[] = []
  server.listen({ port: 80 }, (flow) => accepted.push(flow))
  const flow = await client.connect({ address: '10.0.0.2', port: 80 })
  await settle()
  const fields = () => sent.splice(0).map((bytes) => parseIp(bytes, new IpPacket(), new DropCounts())!).map(({ hopLimit, trafficClass }) => [hopLimit, trafficClass])
  return { client, server, line, flow, accepted: accepted[0]!, sent, fields, slipIn: (packet: Uint8Array) => receive([packet]) }
}

const handler = { data() {}, end() {}, drain() {}, close() {} }

describe('tcpControl', () => {
  it('sets hop limit and DSCP, also while the connection lives; they reach IP as they are (MUST-48, MUST-49, SHLD-21, SHLD-22)', async () => {
    const { flow, fields } = await connected({ hopLimit: 7, trafficClass: 0xb8 })
    expect(new Set(fields().map(String))).toEqual(new Set(['7,184']))
    const control = tcpControl(flow)!
    control.hopLimit = 3
    control.trafficClass = 0x2b
    expect([control.hopLimit, control.trafficClass]).toEqual([3, 0x28])
    flow.send(new Uint8Array(10))
    await settle()
    expect(fields()[0]).toEqual([3, 0x28])
  })

  it('leaves the two low bits to ECN, which both ends agree on if one asks', async () => {
    const { flow, fields } = await connected({ ecn: 'ask', trafficClass: 0xff })
    expect(fields().every(([, trafficClass]) => trafficClass === 0xfc)).toBe(true)
    flow.send(new Uint8Array(10))
    await settle()
    expect(fields()[0]).toEqual([64, 0xfe])
  })

  it('turns Nagle on and off for one connection (SHLD-7, MUST-17)', async () => {
    const { flow, accepted } = await connected({ nagle: true })
    const chunks: number[] = []
    accepted.attach({ ...handler, data: (chunk) => chunks.push(chunk.length) })
    const three = (): void => {
      for (let index = 0; index < 3; index += 1) flow.send(new Uint8Array(1))
    }
    tcpControl(flow)!.nagle = false
    expect(tcpControl(flow)!.nagle).toBe(false)
    three()
    await settle()
    expect(chunks.reduce((sum, length) => sum + length)).toBe(3)
  })

  it('reports what ICMP says of a connection, which lives on, and forgets source quench (MUST-54, MUST-55, MUST-56, SHLD-25)', async () => {
    const { flow, sent, slipIn } = await connected()
    const reports: TcpReport[] = []
    const ended: unknown[] = []
    flow.attach({ ...handler, close: (error) => ended.push(error) })
    tcpControl(flow)!.onReport((report) => reports.push(report))
    sent.length = 0
    flow.send(new Uint8Array(10))
    await Promise.resolve()
    const quote = sent[0]!
    const errors = [
      { kind: 'unreachable', code: 0 },
      { kind: 'unreachable', code: 5 },
      { kind: 'time-exceeded', code: 0 },
      { kind: 'parameter-problem', code: 0 },
    ] as const
    for (const error of errors) {
      slipIn(buildIcmp({ from: '10.0.0.9', to: '10.0.0.1' }, { ...error, value: 0, quote }))
    }
    const quench = buildIcmp({ from: '10.0.0.9', to: '10.0.0.1' }, { kind: 'unreachable', code: 0, value: 0, quote })
    quench[20] = 4
    slipIn(quench)
    await settle()
    expect(reports.map((report) => report.kind === 'icmp' && report.reason)).toEqual(['host-unreachable', 'host-unreachable', 'time-exceeded', 'parameter-problem'])
    expect(ended).toEqual([])
  })

  it('sends urgent data, and tells of it', async () => {
    const { flow, accepted } = await connected()
    const reports: TcpReport[] = []
    tcpControl(accepted)!.onReport((report) => reports.push(report))
    tcpControl(flow)!.sendUrgent(new TextEncoder().encode('stop'))
    await settle()
    expect([reports, tcpControl(accepted)!.urgentBytes]).toEqual([[{ kind: 'urgent', bytes: 4 }], 4])
    accepted.attach(handler)
    await settle()
    expect(tcpControl(accepted)!.urgentBytes).toBe(0)
  })

  it('shortens the patience with a peer who is silent already', async () => {
    const clock = createVirtualClock()
    const { flow, line } = await connected({}, clock)
    const ends: unknown[] = []
    flow.attach({ ...handler, close: (error) => ends.push(error?.code) })
    line.cut = true
    flow.send(new Uint8Array(10))
    await settle()
    clock.advance(100_000)
    await settle()
    expect(ends).toEqual([])
    tcpControl(flow)!.giveUpAfter = 50_000
    await settle()
    expect(ends).toEqual(['flow.transport'])
  })

  it('is there for TCP flows of a stack alone', () => {
    expect(tcpControl(createFlowPair()[0])).toBeUndefined()
  })
})

describe('OPEN (RFC 9293 3.9.1.1)', () => {
  it('takes a local address, or has IP choose one, and keeps it (MUST-43, MUST-44, MUST-45)', async () => {
    const { client, flow } = await connected()
    expect(flow.info.local?.address).toBe('10.0.0.1')
    const chosen = await client.connect({ address: '10.0.0.2', port: 80 }, { from: { address: '10.0.0.7' } })
    expect(chosen.info.local?.address).toBe('10.0.0.7')
  })

  it('of a port that is taken fails and changes nothing, and listening is possible where connections come from (MUST-41, MUST-42)', async () => {
    const { client, server, flow } = await connected()
    expect(() => server.listen({ port: 80 }, () => {})).toThrow(expect.objectContaining({ code: 'netstack.in-use' }))
    await client.connect({ address: '10.0.0.2', port: 80 })
    const port = flow.info.local!.port
    const heard: Flow[] = []
    client.listen({ port }, (made) => heard.push(made))
    await server.connect({ address: '10.0.0.1', port }, { from: { address: '10.0.0.2', port: 81 } })
    await settle()
    expect(heard).toHaveLength(1)
  })

  it('to an address that no host can have fails (MUST-46)', async () => {
    const { client } = await connected()
    for (const address of ['224.0.0.1', '255.255.255.255', '0.0.0.0', 'ff02::1', '::']) {
      await expect(client.connect({ address, port: 80 })).rejects.toMatchObject({ code: 'netstack.address' })
    }
  })
})

describe('the end', () => {
  it('is told as what it was: in order, or a reset (MUST-12)', async () => {
    for (const [how, code] of [['order', undefined], ['reset', 'flow.reset']] as const) {
      const { flow, accepted } = await connected()
      const ends: unknown[] = []
      accepted.attach({ ...handler, end: () => accepted.end(), close: (error) => ends.push(error?.code) })
      flow.attach(handler)
      if (how === 'order') flow.end()
      else flow.reset(Object.assign(new Error('enough'), { code: 'test', detail: {} }) as never)
      await settle()
      expect(ends).toEqual([code])
    }
  })
})
