import { afterEach, expect, it } from 'vitest'
import type { ServiceChange } from '../contracts/overlay.ts'
import { collect } from './collector.ts'
import { bindTo, connectOn, serviceOf } from './overlay-fixture.ts'
import type { OverlayFixture } from './overlay-fixture.ts'
import { codeOf } from './code-of.ts'

export function closingTests(create: () => Promise<OverlayFixture>): void {
  let fixture: OverlayFixture | undefined
  afterEach(() => fixture?.close())

  it('ends every flow of a dialer, and dials no more', async () => {
    fixture = await create()
    const { dialer, services } = fixture
    const { client, server } = await connectOn(fixture, services.plain)
    const [clientHeard, serverHeard] = [collect(client), collect(server)]
    const service = await serviceOf(dialer, services.plain)
    await dialer.close()
    await clientHeard.closed
    await serverHeard.closed
    expect(await codeOf(dialer.dial(service, { protocol: 'tcp' }))).toBe('overlay.closed')
    await dialer.close()
  })

  it('withdraws the bindings of a host', async () => {
    fixture = await create()
    const { dialer, host, services } = fixture
    const service = await serviceOf(dialer, services.plain)
    await bindTo(fixture, services.plain, (call) => call.refuse('still here'))
    await host.close()
    await expect.poll(() => codeOf(dialer.dial(service, { protocol: 'tcp' })), { timeout: 5_000 }).toBe('dial.no-terminator')
  })

  it('reports no change after close', async () => {
    fixture = await create()
    const { dialer, addService } = fixture
    const changes: ServiceChange[] = []
    dialer.watch((change) => changes.push(change))
    await dialer.close()
    const before = changes.length
    await addService('too-late')
    expect(changes).toHaveLength(before)
  })
}
