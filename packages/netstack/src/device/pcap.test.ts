import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { toSeq } from '../tcp/seq.ts'
import { buildIcmp, buildPacket, buildUdp, withSum } from '../testing/build-packet.ts'
import { noTcpOptions } from '../wire/tcp-options.ts'
import { encodeSegmentHeader, tcpFlag } from '../wire/tcp-segment.ts'
import { describePacket } from './describe-packet.ts'
import { createMemoryPipe } from './memory-pipe.ts'
import { withPcap } from './pcap.ts'
import { withTrace } from './trace.ts'

const v4 = { from: '10.0.0.1', to: '10.0.0.2' }
const v6 = { from: '2001:db8::1', to: '2001:db8::2' }

function syn(ends: { from: string; to: string }): Uint8Array {
  const options = { ...noTcpOptions, mss: 1460, windowScale: 7, sackPermitted: true, timestamp: { value: 5, echo: 0 }, sack: [{ start: toSeq(-2), end: toSeq(3) }] }
  const header = new Uint8Array(60)
  const length = encodeSegmentHeader({ sourcePort: 49_152, destinationPort: 80, seq: toSeq(-1), ack: toSeq(0), flags: tcpFlag.syn, window: 65_535, options }, header)
  return buildPacket({ ...ends, protocol: 6 }, withSum(ends, 6, 16, header.slice(0, length)))
}
const samples = [
  syn(v4),
  syn(v6),
  buildUdp(v4, 5000, 5001, Uint8Array.of(1, 2, 3)),
  buildUdp(v6, 5000, 5001, Uint8Array.of(1, 2, 3)),
  buildIcmp(v4, { kind: 'echo-request', identifier: 1, sequence: 2, data: Uint8Array.of(1) }),
  buildIcmp(v6, { kind: 'unreachable', code: 4, value: 0, quote: buildUdp({ from: v6.to, to: v6.from }, 1, 2, new Uint8Array(0)) }),
  buildPacket({ ...v6, protocol: 17, fragmentOffset: 8, moreFragments: false, identification: 77 }, Uint8Array.of(1)),
]

async function capture(snapBytes?: number): Promise<Uint8Array> {
  const clock = createVirtualClock()
  const pieces: Uint8Array[] = []
  const [left, right] = createMemoryPipe()
  const device = withPcap(left, (bytes) => pieces.push(bytes), { clock, epoch: 1_700_000_000_000, ...(snapBytes !== undefined && { snapBytes }) })
  device.start(() => {})
  for (const [index, packet] of samples.entries()) {
    clock.advance(1.000_5)
    if (index % 2 === 0) device.transmit([packet.subarray(0, 20), packet.subarray(20)])
    else right.transmit([packet])
    await Promise.resolve()
  }
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]))
}

const reader = 'tcpdump'
const hasReader = spawnSync(reader, ['--version']).status === 0

describe('withPcap', () => {
  it('writes a nanosecond capture of raw IP packets, both ways', async () => {
    const bytes = await capture()
    const view = new DataView(bytes.buffer)
    expect([view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true), view.getUint32(20, true)]).toEqual([0xa1b2_3c4d, 2, 4, 101])
    let at = 24
    for (const packet of samples) {
      expect([view.getUint32(at, true), view.getUint32(at + 8, true), view.getUint32(at + 12, true)]).toEqual([1_700_000_000, packet.length, packet.length])
      expect(bytes.slice(at + 16, at + 16 + packet.length)).toEqual(Uint8Array.from(packet))
      at += 16 + packet.length
    }
    expect(view.getUint32(28, true)).toBe(1_000_500)
    expect(at).toBe(bytes.length)
  })

  it('keeps the start of packets where it is told to', async () => {
    const bytes = await capture(30)
    expect(bytes.length).toBe(24 + samples.reduce((sum, { length }) => sum + 16 + Math.min(30, length), 0))
  })

  it.runIf(hasReader)('is what tcpdump reads, with good sums', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netstack-pcap-'))
    try {
      const file = join(folder, 'a.pcap')
      writeFileSync(file, await capture())
      const lines = execFileSync(reader, ['-r', file, '-nn', '-tt', '-vv', '--time-stamp-precision=nano'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      const joined = lines.replaceAll(/\n\s+/g, ' ').trim().split('\n')
      expect(joined.length).toBe(samples.length)
      for (const line of joined) expect(line).toMatch(/^1700000000\.\d{9} IP6? /)
      expect(joined[0]).toMatch(/10\.0\.0\.1\.49152 > 10\.0\.0\.2\.80: Flags \[S\], cksum 0x[0-9a-f]+ \(correct\), seq 4294967295, win 65535, options \[mss 1460,nop,nop,sackOK,nop,nop,TS val 5 ecr 0,nop,wscale 7,nop,nop,sack 1 \{/)
      expect(joined[1]).toContain('(correct)')
      expect(joined[2]).toMatch(/\[udp sum ok\] UDP, length 3/)
      expect(joined[3]).toMatch(/\[udp sum ok\] UDP, length 3/)
      expect(joined[4]).toMatch(/ICMP echo request, id 1, seq 2, length 9$/)
      expect(joined[5]).toMatch(/\[icmp6 sum ok\] ICMP6, destination unreachable, unreachable port/)
      expect(joined[6]).toMatch(/frag \(0x0000004d:8\|1\)/)
      expect(lines).not.toMatch(/bad|wrong|incorrect/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('withTrace', () => {
  it('says one line for each packet', async () => {
    const lines: string[] = []
    const [left, right] = createMemoryPipe({ mtu: 100 })
    const device = withTrace(left, (level, source, message) => lines.push(`${level} ${source} ${message}`))
    device.start(() => {})
    device.transmit([samples[2]!.subarray(0, 28), samples[2]!.subarray(28)])
    device.transmit([new Uint8Array(101)])
    right.transmit([samples[4]!])
    await Promise.resolve()
    expect(lines).toEqual([
      'debug netstack/device.memory-left > 10.0.0.1:5000 > 10.0.0.2:5001 udp 3 bytes',
      'debug netstack/device.memory-left > 101 bytes, no packet: ip.version (dropped by the device)',
      'debug netstack/device.memory-left < 10.0.0.1 > 10.0.0.2 icmp echo-request 1/2 1 bytes',
    ])
  })

  it('has the words of every protocol', () => {
    expect(samples.map(describePacket)).toEqual([
      '10.0.0.1:49152 > 10.0.0.2:80 tcp SYN seq 4294967295 win 65535 mss 1460 scale 7 sack-ok sack 4294967294-3 ts 5/0',
      '[2001:db8::1]:49152 > [2001:db8::2]:80 tcp SYN seq 4294967295 win 65535 mss 1460 scale 7 sack-ok sack 4294967294-3 ts 5/0',
      '10.0.0.1:5000 > 10.0.0.2:5001 udp 3 bytes',
      '[2001:db8::1]:5000 > [2001:db8::2]:5001 udp 3 bytes',
      '10.0.0.1 > 10.0.0.2 icmp echo-request 1/2 1 bytes',
      '2001:db8::1 > 2001:db8::2 icmp unreachable code 4',
      '2001:db8::1 > 2001:db8::2 protocol 17 fragment 77 bytes 8 to 9, the last',
    ])
    expect(describePacket(buildPacket({ ...v4, protocol: 6 }, new Uint8Array(3)))).toBe('10.0.0.1 > 10.0.0.2 protocol 6 3 bytes, refused: tcp.short')
  })
})
