import { resolveTable } from '@tunnel/core/contracts'
import { describe, expect, it } from 'vitest'
import { tableOf, wanted } from '@tunnel/core/testing'
import { ClaimFinder } from './claim-finder.ts'

const table = tableOf(
  wanted('web', { to: '203.0.113.5', ports: 80 }),
  wanted('range', { to: ['10.0.0.0/8', 'fd00::/8'], ports: [100, 200], protocols: ['tcp', 'udp'] }),
  wanted('some', { to: '10.1.1.1', ports: 300, from: ['192.0.2.0/24'] }),
)
const { claims } = resolveTable(table, { kind: 'tun', addressesOf: () => [], own: [], ipv6: true })
const finder = new ClaimFinder(claims.values())
const answer = (protocol: 'tcp' | 'udp', address: string, port: number, from = '198.51.100.1') => finder.find({ protocol, from: { address: from, port: 9 }, to: { address, port } })

describe('who has claimed a destination', () => {
  it.each([
    ['tcp', '203.0.113.5', 80, 'wanted'],
    ['udp', '203.0.113.5', 80, 'unknown'],
    ['tcp', '203.0.113.5', 81, 'unknown'],
    ['udp', '10.255.0.1', 100, 'wanted'],
    ['udp', 'fd12::3', 200, 'wanted'],
    ['tcp', '10.255.0.1', 201, 'unknown'],
    ['tcp', '11.0.0.1', 150, 'unknown'],
    ['tcp', '10.1.1.1', 150, 'wanted'],
    ['tcp', '10.1.1.1', 300, 'prohibited'],
    ['tcp', 'nonsense', 80, 'unknown'],
  ] as const)('%s %s %s: %s', (protocol, address, port, expected) => expect(answer(protocol, address, port)).toBe(expected))

  it('a source that may is served', () => expect(answer('tcp', '10.1.1.1', 300, '192.0.2.7')).toBe('wanted'))
})
