import type { DatagramFlow } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { collectDatagrams, pattern } from './collector.ts'
import { bindTo, serviceOf } from './overlay-fixture.ts'
import type { OverlayFixture } from './overlay-fixture.ts'
import { deferred } from './deferred.ts'

export async function connectDatagrams(fixture: OverlayFixture): Promise<{ client: DatagramFlow; server: DatagramFlow }> {
  const { dialer, services } = fixture
  const accepted = deferred<DatagramFlow>()
  const binding = await bindTo(fixture, services.udp, (call) => accepted.resolve(call.acceptDatagrams()))
  const client = await dialer.dialDatagrams(await serviceOf(dialer, services.udp), { protocol: 'udp' })
  const server = await accepted.promise
  await binding.close()
  return { client, server }
}

export function datagramTests(fixture: () => OverlayFixture): void {
  it('keeps the boundaries of datagrams, both ways', async () => {
    const { client, server } = await connectDatagrams(fixture())
    const largest = fixture().largestDatagramBytes ?? 65_507
    const sent = [1, 1_400, 9_000, 65_507, 2].filter((size) => size <= largest).map((size) => pattern(size, size))
    const [clientHeard, serverHeard] = [collectDatagrams(client), collectDatagrams(server)]
    for (const datagram of sent) expect(client.send(datagram)).toBe(true)
    expect(sizes(await serverHeard.first(sent.length))).toEqual(sizes(sent))
    for (const datagram of sent) expect(server.send(datagram)).toBe(true)
    const replies = await clientHeard.first(sent.length)
    expect(replies.every((reply, i) => Buffer.compare(reply, sent[i]!) === 0)).toBe(true)
    client.close()
    await serverHeard.closed
  })

  it('closes both ends when one closes', async () => {
    const { client, server } = await connectDatagrams(fixture())
    const [clientHeard, serverHeard] = [collectDatagrams(client), collectDatagrams(server)]
    server.send(pattern(5))
    await clientHeard.first(1)
    server.close()
    await clientHeard.closed
    await serverHeard.closed
    expect(client.send(pattern(5))).toBe(false)
  })
}

function sizes(datagrams: readonly Uint8Array[]): number[] {
  return datagrams.map((datagram) => datagram.length)
}
