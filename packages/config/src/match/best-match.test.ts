import { describe, expect, it } from 'vitest'
import { parseInterceptV1 } from '../service/intercept-v1.ts'
import { bestMatch } from './best-match.ts'
import type { Destination, MatchCandidate } from './best-match.ts'

function candidate(name: string, addresses: string[], ports: [number, number][], more: object = {}): MatchCandidate {
  const portRanges = ports.map(([low, high]) => ({ low, high }))
  const intercept = parseInterceptV1({ protocols: ['tcp'], addresses, portRanges, ...more })
  if (!intercept.ok) throw intercept.error
  return { service: { name }, intercept: intercept.value }
}

const to = (address: string, port: number, more: Partial<Destination> = {}): Destination => ({ protocol: 'tcp', address, port, ...more })
const nameOf = (candidates: MatchCandidate[], destination: Destination) => bestMatch(candidates, destination)?.service.name

describe('bestMatch (protocol 6.1)', () => {
  const services = [
    candidate('any', ['0.0.0.0/0', '*.ziti'], [[1, 65535]]),
    candidate('range', ['10.2.0.0/16', '*.corp.ziti'], [[1, 65535]]),
    candidate('exact', ['10.2.0.7', 'db.corp.ziti'], [[1, 1000], [5432, 5432]]),
  ]

  it('takes an exact address before a range, and a small range before a big one', () => {
    expect(nameOf(services, to('10.2.0.7', 5432))).toBe('exact')
    expect(nameOf(services, to('10.2.0.8', 5432))).toBe('range')
    expect(nameOf(services, to('10.3.0.8', 5432))).toBe('any')
    expect(nameOf(services, to('db.corp.ziti', 5432))).toBe('exact')
    expect(nameOf(services, to('web.corp.ziti', 5432))).toBe('range')
    expect(nameOf(services, to('web.ziti', 5432))).toBe('any')
  })

  it('falls to the next best when the port does not fit', () => {
    expect(nameOf(services, to('10.2.0.7', 5433))).toBe('range')
  })

  it('takes the narrower port range of equal addresses, but never weighs a port above an address', () => {
    const same = [candidate('wide', ['10.0.0.1'], [[1, 65535]]), candidate('narrow', ['10.0.0.1'], [[80, 90]])]
    expect(nameOf(same, to('10.0.0.1', 80))).toBe('narrow')
    expect(nameOf(same, to('10.0.0.1', 91))).toBe('wide')
    const other = [candidate('wide ports', ['10.0.0.1'], [[0, 65535]]), candidate('wide address', ['10.0.0.0/31'], [[80, 80]])]
    expect(nameOf(other, to('10.0.0.1', 80))).toBe('wide ports')
  })

  it('breaks a tie by the alphabetically smaller name, whatever the order', () => {
    const tie = [candidate('b', ['10.0.0.1'], [[80, 80]]), candidate('a', ['10.0.0.1'], [[80, 80]])]
    expect(nameOf(tie, to('10.0.0.1', 80))).toBe('a')
    expect(nameOf(tie.toReversed(), to('10.0.0.1', 80))).toBe('a')
  })

  it('uses the name under which an address was looked up', () => {
    expect(nameOf(services, to('100.64.0.9', 5432, { hostname: 'db.corp.ziti' }))).toBe('exact')
  })

  it('keeps to protocol and allowed sources', () => {
    expect(nameOf(services, to('10.2.0.7', 5432, { protocol: 'udp' }))).toBeUndefined()
    const lan = [candidate('lan', ['10.0.0.1'], [[80, 80]], { allowedSourceAddresses: ['192.168.0.0/24'] })]
    expect(nameOf(lan, to('10.0.0.1', 80, { source: '192.168.0.4' }))).toBe('lan')
    expect(nameOf(lan, to('10.0.0.1', 80, { source: '192.168.1.4' }))).toBeUndefined()
    expect(nameOf(lan, to('10.0.0.1', 80))).toBe('lan')
  })

  it('gives undefined when nothing fits', () => {
    expect(nameOf(services, to('::1', 5432))).toBeUndefined()
    expect(nameOf([], to('10.0.0.1', 80))).toBeUndefined()
  })
})
