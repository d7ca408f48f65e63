import { expect, it } from 'vitest'
import type { ServiceChange } from '../contracts/overlay.ts'
import type { OverlayFixture } from './overlay-fixture.ts'
import { serviceOf } from './overlay-fixture.ts'

export function watchTests(fixture: () => OverlayFixture): void {
  const kindsOf = (changes: readonly ServiceChange[], name: string): string[] =>
    changes.filter(({ service }) => service.name === name).map(({ kind }) => kind)

  it('reports the present services as added, synchronously', async () => {
    const { dialer, services } = fixture()
    await serviceOf(dialer, services.plain)
    const changes: ServiceChange[] = []
    const unsubscribe = dialer.watch((change) => changes.push(change))
    expect(changes.map(({ service }) => service.name).sort()).toEqual([...dialer.services.values()].map(({ name }) => name).sort())
    expect(new Set(changes.map(({ kind }) => kind))).toEqual(new Set(['added']))
    unsubscribe()
  })

  it('keys services by their name, and tells of encryption', async () => {
    const { dialer, services } = fixture()
    const encrypted = await serviceOf(dialer, services.encrypted)
    expect(dialer.services.get(encrypted.name)).toBe(encrypted)
    expect(encrypted.encryptionRequired).toBe(true)
    expect((await serviceOf(dialer, services.plain)).encryptionRequired).toBe(false)
  })

  it('reports a new service and its end in order, in agreement with `services`', async () => {
    const { dialer, addService, removeService } = fixture()
    const changes: ServiceChange[] = []
    const disagreements: string[] = []
    const unsubscribe = dialer.watch((change) => {
      changes.push(change)
      const present = dialer.services.has(change.service.name)
      if (present !== (change.kind !== 'removed')) disagreements.push(`${change.kind} ${change.service.name}`)
    })
    await addService('comes-and-goes')
    await expect.poll(() => kindsOf(changes, 'comes-and-goes'), { timeout: 8_000, interval: 5 }).toEqual(['added'])
    await removeService('comes-and-goes')
    await expect.poll(() => kindsOf(changes, 'comes-and-goes'), { timeout: 8_000, interval: 5 }).toEqual(['added', 'removed'])
    expect(disagreements).toEqual([])
    unsubscribe()
  })

  it('reports nothing after unsubscribe', async () => {
    const { dialer, addService, removeService } = fixture()
    const changes: ServiceChange[] = []
    dialer.watch((change) => changes.push(change))()
    const before = changes.length
    await addService('unheard')
    await serviceOf(dialer, 'unheard')
    await removeService('unheard')
    expect(changes).toHaveLength(before)
  })
}
