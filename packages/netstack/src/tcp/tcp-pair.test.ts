import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { address } from '../testing/build-packet.ts'
import { PairTable, type Paired, type TcpPair } from './tcp-pair.ts'

type Member = Paired<Member>

const addresses = ['10.0.0.1', '10.0.0.2', '2001:db8::1'].map(address)
const pairs = addresses.flatMap((local) => addresses.flatMap((remote) => [1, 2].map((remotePort): TcpPair => ({ local, localPort: 7, remote, remotePort }))))

const steps = fc.array(fc.record({ kind: fc.constantFrom('add', 'remove', 'find'), index: fc.nat(pairs.length - 1) }), { maxLength: 200, size: 'max' })

describe('PairTable', () => {
  it('finds what a plain map would, in whatever order members come, are asked for and go', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, secret) => {
        const table = new PairTable<Member>(secret)
        const model = new Map<number, Member>()
        for (const { kind, index } of all) {
          const pair = pairs[index]!
          const known = model.get(index)
          if (kind === 'add' && !known) {
            const member: Member = { pair, chained: undefined }
            model.set(index, member)
            table.add(member)
          } else if (kind === 'remove' && known) {
            model.delete(index)
            expect(table.remove(known)).toBe(true)
            expect(table.remove(known)).toBe(false)
          }
          expect(table.find(pair.local, pair.localPort, pair.remote, pair.remotePort)).toBe(model.get(index))
          expect(table.size).toBe(model.size)
        }
        expect(new Set(table.members())).toEqual(new Set(model.values()))
      }),
    )
  })
})
