import { createVirtualClock } from '@tunnel/flow/testing'
import { describe, expect, it } from 'vitest'
import { parsePrefix } from '@tunnel/flow'
import { createBox } from '../boxes/box.ts'
import { LiveFlows, type FlowEnds } from './live-flows.ts'

const flow = (address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): FlowEnds => ({ protocol, from: { address: '192.0.2.1', port: 5 }, to: { address, port } })
const box = (cidr: string, low: number, high = low) => createBox('tcp', parsePrefix(cidr)!, { low, high })

function flows() {
  const clock = createVirtualClock()
  let settled = 0
  const live = new LiveFlows({ clock, onSettled: () => (settled += 1) })
  return { clock, live, settled: () => settled, lingering: () => live.lingering.map(({ to }) => `${to.address} ${to.port}`) }
}

describe('open flows', () => {
  it('linger when their destination goes, and only they', () => {
    const { live, lingering } = flows()
    for (const each of [flow('10.0.0.1', 443), flow('10.0.0.1', 80), flow('10.0.0.1', 443, 'udp'), flow('10.1.0.1', 5_000), flow('fd00::1', 443)]) live.opened(each)
    expect(live.linger([box('10.0.0.1', 443)])).toBe(true)
    expect(lingering()).toEqual(['10.0.0.1 443'])
    expect(live.linger([box('10.0.0.1', 443), box('10.9.0.0/16', 1, 65_535)])).toBe(false)
    live.linger([box('10.0.0.0/8', 4_000, 6_000), box('fd00::1', 443)])
    expect(lingering()).toEqual(['10.0.0.1 443', '10.1.0.1 5000', 'fd00::1 443'])
    expect(['10.1.0.0/16', '10.2.0.0/16', '10.0.0.1/32', '10.0.0.2/32', '::/0', 'fd00::1/128'].map(live.createNeed())).toEqual([true, false, true, false, true, true])
  })

  it('linger for some seconds more when they end in order, for the kernel may still be sending', () => {
    const { clock, live, settled, lingering } = flows()
    const [ended, reset, other] = [flow('10.0.0.1', 443), flow('10.0.0.2', 443), flow('10.9.9.9', 443)]
    for (const each of [ended!, reset!, other!]) live.opened(each)
    live.linger([box('10.0.0.0/24', 443)])
    live.closed(ended!, true)
    live.closed(reset!, false)
    live.closed(other!, true)
    clock.advance(0)
    expect([lingering(), settled()]).toEqual([['10.0.0.1 443'], 1])
    clock.advance(10_000)
    expect([lingering(), settled()]).toEqual([[], 2])
    expect(clock.pending).toBe(0)
  })

  it('are found among ten thousand boxes at once', () => {
    const { live } = flows()
    for (let i = 0; i < 5_000; i++) live.opened(flow(`10.0.${i >> 8}.${i & 255}`, 443))
    const boxes = Array.from({ length: 10_000 }, (_, i) => box(`10.0.${i >> 8}.${i & 255}`, 443))
    const start = performance.now()
    live.linger(boxes)
    expect(performance.now() - start).toBeLessThan(500)
    expect(live.lingering).toHaveLength(5_000)
  })
})
