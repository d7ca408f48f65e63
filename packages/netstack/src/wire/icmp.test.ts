import { describe, expect, it } from 'vitest'
import { address } from '../testing/build-packet.ts'
import { DropCounts } from './drop-counts.ts'
import type { IcmpMessage } from './icmp.ts'
import { encodeIcmp4Header, parseIcmp4 } from './icmp4.ts'
import { encodeIcmp6Header, parseIcmp6 } from './icmp6.ts'

const rest = Uint8Array.of(1, 2, 3)
const common: IcmpMessage[] = [
  { kind: 'echo-request', identifier: 0xbeef, sequence: 65_535, data: rest },
  { kind: 'echo-reply', identifier: 0, sequence: 1, data: rest },
  { kind: 'unreachable', code: 3, value: 0, quote: rest },
  { kind: 'time-exceeded', code: 1, value: 0, quote: rest },
  { kind: 'parameter-problem', code: 1, value: 40, quote: rest },
]

function pass(message: IcmpMessage, encode: typeof encodeIcmp4Header, parse: typeof parseIcmp4): IcmpMessage | undefined {
  const bytes = new Uint8Array(64)
  const length = encode(message, bytes, 4)
  const tail = 'target' in message ? 0 : rest.length
  bytes.set(rest.subarray(0, tail), 4 + length)
  return parse(bytes, 4, length + tail)
}

describe('ICMP', () => {
  it('of both versions is read as it was written', () => {
    const v4: IcmpMessage[] = [...common, { kind: 'too-big', code: 4, value: 1400, quote: rest }]
    const v6: IcmpMessage[] = [
      ...common,
      { kind: 'too-big', code: 0, value: 0xffff_fff0, quote: rest },
      { kind: 'neighbour-solicitation', target: address('2001:db8::5') },
      { kind: 'neighbour-advertisement', target: address('2001:db8::5') },
    ]
    expect(v4.map((message) => pass(message, encodeIcmp4Header, parseIcmp4))).toEqual(v4)
    expect(v6.map((message) => pass(message, encodeIcmp6Header, parseIcmp6))).toEqual(v6)
  })

  it('of other types is counted and ignored; what is short is refused', () => {
    const drops = new DropCounts()
    const bytes = new Uint8Array(24)
    for (const type of [5, 13, 17, 200]) expect(parseIcmp4(Uint8Array.of(type, ...bytes), 0, 8, drops)).toBeUndefined()
    for (const type of [130, 133, 134, 143]) expect(parseIcmp6(Uint8Array.of(type, ...bytes), 0, 24, drops)).toBeUndefined()
    for (let length = 0; length < 8; length += 1) expect([parseIcmp4(bytes, 0, length, drops), parseIcmp6(bytes, 0, length, drops)]).toEqual([undefined, undefined])
    expect(parseIcmp6(Uint8Array.of(135, ...bytes), 0, 23, drops)).toBeUndefined()
    expect(drops.toJSON()).toEqual({ 'icmp.type': 8, 'icmp.short': 17 })
  })
})
