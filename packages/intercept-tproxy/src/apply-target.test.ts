import { CodedError } from '@tunnel/flow'
import { describe, expect, it } from 'vitest'
import { applyTarget } from './apply-target.ts'
import type { Interception } from './interception.ts'
import { tableOf, wanted } from '@tunnel/core/testing'
import { resolveTarget, type Target } from './wanted/target.ts'

const host = { own: [], ipv6: true, source: { 4: '192.0.2.1', 6: '::1' } }
const targetFor = (...names: string[]): Target =>
  resolveTarget(tableOf(...names.map((name, i) => wanted(name, { to: `10.0.${i >> 8}.${i & 255}`, ports: 80 }))), { addressesOf: () => [], host }).target

/** A host that refuses some services. */
function refusing(...refused: string[]) {
  const moves: string[][] = []
  const interception = {
    target: targetFor(),
    async moveTo(target: Target) {
      const services = [...target.claims.values()].map(({ service }) => service)
      moves.push(services)
      if (services.some((service) => refused.includes(service))) throw new CodedError('firewall.refused', 'no')
      interception.target = target
    },
  }
  return { interception: interception as unknown as Interception, moves, present: () => [...interception.target.claims.values()].map(({ service }) => service) }
}

describe('a table that the host refuses in part', () => {
  it('is in effect without the services that are refused', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
    const { interception, present } = refusing('s3', 's30')
    const failed = await applyTarget(interception, targetFor(...names))
    expect(failed.map(({ service, error }) => [service, error.code])).toEqual([['s3', 'firewall.refused'], ['s30', 'firewall.refused']])
    expect(present()).toEqual(names.filter((name) => name !== 's3' && name !== 's30'))
  })

  it('is given up after some tries when nothing is taken', async () => {
    const names = Array.from({ length: 2_000 }, (_, i) => `s${i}`)
    const { interception, moves } = refusing(...names)
    expect(await applyTarget(interception, targetFor(...names))).toHaveLength(2_000)
    expect(moves.length).toBeLessThan(80)
  })

  it('still loses what is no longer wanted', async () => {
    const { interception, present } = refusing('bad')
    await applyTarget(interception, targetFor('old', 'kept'))
    await applyTarget(interception, resolveTarget(tableOf(wanted('kept', { to: '10.0.0.1', ports: 80 }), wanted('bad', { to: '10.9.9.9', ports: 80 })), { addressesOf: () => [], host }).target)
    expect(present()).toEqual(['kept'])
  })
})
