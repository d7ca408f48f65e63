import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePrefix, prefixOf, type AddressRange, type Prefix } from '@tunnel/flow'
import { byKey, compareBoxes, type Box } from './box.ts'
import { disjointBoxes, type Wish } from './disjoint.ts'

const prefix = (text: string): Prefix => parsePrefix(text)!
const wish = (to: string, low: number, high = low, from?: string, protocol: 'tcp' | 'udp' = 'tcp'): Wish => ({
  to: prefix(to),
  protocol,
  ports: { low, high },
  ...(from !== undefined && { from: prefix(from) }),
})
const keys = (wishes: Wish[], holes: string[] = []) => disjointBoxes(wishes, holes.map(prefix)).map(({ key }) => key)

describe('disjoint boxes', () => {
  it('are the wishes themselves where nothing overlaps', () => {
    expect(keys([wish('10.0.0.1', 80), wish('fd00::/64', 1, 65_535, undefined, 'udp')])).toEqual([
      'tcp 10.0.0.1:80',
      'udp [fd00::]-[fd00::ffff:ffff:ffff:ffff]:1-65535',
    ])
  })

  it('join what touches, of one protocol only', () => {
    expect(keys([wish('10.0.0.1', 80), wish('10.0.0.1', 81, 90), wish('10.0.0.1', 85), wish('10.0.0.1', 91, 91, undefined, 'udp')])).toEqual([
      'tcp 10.0.0.1:80-90',
      'udp 10.0.0.1:91',
    ])
    expect(keys([wish('10.0.0.1', 65_535), wish('10.0.0.1', 0, 0, undefined, 'udp')])).toHaveLength(2)
  })

  it('leave to an outer prefix what it has, and keep it whole', () => {
    expect(keys([wish('10.0.0.1', 80, 443), wish('10.0.0.0/8', 443), wish('10.0.0.0/24', 80)])).toEqual([
      'tcp 10.0.0.0-10.255.255.255:443',
      'tcp 10.0.0.0-10.0.0.255:80',
      'tcp 10.0.0.1:81-442',
    ])
  })

  it('go around holes', () => {
    expect(keys([wish('10.0.0.0/30', 443)], ['10.0.0.1', '127.0.0.0/8'])).toEqual(['tcp 10.0.0.0:443', 'tcp 10.0.0.2-10.0.0.3:443'])
    expect(keys([wish('10.0.0.1', 443)], ['10.0.0.0/24'])).toEqual([])
  })

  it('part sources only where they cross', () => {
    expect(keys([wish('10.0.0.0/8', 443, 443, '192.168.0.0/24'), wish('10.0.0.1', 443, 443, '192.168.0.0/23')])).toEqual([
      'tcp 10.0.0.0-10.255.255.255:443 from 192.168.0.0-192.168.0.255',
      'tcp 10.0.0.1:443 from 192.168.1.0-192.168.1.255',
    ])
  })

  // A world of 16 addresses, 16 sources and 8 ports: small enough to look at every point.
  const smallPrefix = (family: 4 | 6, base: bigint) =>
    fc.tuple(fc.nat(15), fc.integer({ min: 0, max: 4 })).map(([host, free]) => prefixOf(family, base + BigInt(host), (family === 4 ? 32 : 128) - free))
  const smallWish = (family: 4 | 6): fc.Arbitrary<Wish> =>
    fc.record({
      to: smallPrefix(family, 0xa000000n),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      ports: fc.tuple(fc.nat(7), fc.nat(7)).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) })),
      from: fc.option(smallPrefix(family, 0xc000000n), { nil: undefined }),
    }) as fc.Arbitrary<Wish>
  const covers = (range: AddressRange | undefined, address: bigint) => range === undefined || (range.low <= address && address <= range.high)

  it.each([4, 6] as const)('cover each point of the wishes, once, and no other (IPv%i)', (family) => {
    const holes = fc.array(smallPrefix(family, 0xa000000n), { maxLength: 2 })
    fc.assert(
      fc.property(fc.array(smallWish(family), { maxLength: 12 }), holes, (wishes, holes) => {
        const boxes = disjointBoxes(wishes, holes)
        for (let to = 0xa000000n; to < 0xa000010n; to++)
          for (let from = 0xc000000n; from < 0xc000010n; from++)
            for (const protocol of ['tcp', 'udp'])
              for (let port = 0; port < 8; port++) {
                const at = (item: Wish | Box) =>
                  item.protocol === protocol && covers(item.to, to) && item.ports.low <= port && port <= item.ports.high && covers(item.from, from)
                const found = boxes.filter(at)
                const wanted = wishes.some(at) && !holes.some((hole) => covers(hole, to))
                if (found.length > 0 !== wanted) throw new Error(`${to} ${from} ${protocol} ${port}: wanted ${wanted}`)
                if (found.filter((box) => box.from === undefined).length > 1 || found.filter((box) => box.from).length > 1) {
                  throw new Error(`twice: ${found.map(({ key }) => key)}`)
                }
              }
      }),
      { numRuns: 60 },
    )
  })

  it('of 10,000 services take some milliseconds, and one more of them changes one box', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => wish(`100.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, 443))
    const all = [wish('100.64.0.0/10', 5432), wish('100.64.0.0/10', 22, 80), ...many]
    const start = performance.now()
    const before = byKey(disjointBoxes(all))
    const after = byKey(disjointBoxes([...all, wish('100.100.0.1', 70, 8443)]))
    expect(performance.now() - start).toBeLessThan(1_000)
    const { added, removed } = compareBoxes(before, after)
    expect(added.map(({ key }) => key)).toEqual(['tcp 100.100.0.1:81-5431', 'tcp 100.100.0.1:5433-8443'])
    expect(removed).toEqual([])
  })
})
