import { CodedError } from '@tunnel/flow'
import type { Flow } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { collect, pattern } from './collector.ts'
import { connectOn } from './overlay-fixture.ts'
import type { Connected, OverlayFixture } from './overlay-fixture.ts'

type ServiceNames = OverlayFixture['services']
type Way = 'dialer to host' | 'host to dialer'

const ways: readonly Way[] = ['dialer to host', 'host to dialer']

export function dataTests(fixture: () => OverlayFixture, pick: (services: ServiceNames) => string): void {
  const connected = async (way: Way): Promise<{ near: Flow; far: Flow }> => {
    const { client, server }: Connected = await connectOn(fixture(), pick(fixture().services))
    return way === 'dialer to host' ? { near: client, far: server } : { near: server, far: client }
  }

  it('echoes 1 MiB unchanged, and closes both ends in order', async () => {
    const { near, far } = await connected('dialer to host')
    const closed = echo(far)
    const heard = collect(near)
    const sent = pattern(1024 * 1024)
    await sendAll(near, heard, sent)
    near.end()
    await heard.ended
    expect(Buffer.compare(heard.bytes, sent)).toBe(0)
    expect(await heard.closed).toBeUndefined()
    expect(await closed).toBeUndefined()
  })

  it.each(ways)('delivers what was sent before anybody listened: %s', async (way) => {
    const { near, far } = await connected(way)
    const sender = collect(near)
    near.send(pattern(3_000))
    near.end()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const heard = collect(far)
    await heard.ended
    expect(heard.bytes).toEqual(pattern(3_000))
    far.end()
    expect(await sender.closed).toBeUndefined()
    expect(await heard.closed).toBeUndefined()
  })

  it.each(ways)('keeps one half open after the other has ended: %s', async (way) => {
    const { near, far } = await connected(way)
    const [sender, receiver] = [collect(near), collect(far)]
    near.send(pattern(100))
    near.end()
    await receiver.ended
    expect(receiver.length).toBe(100)
    const reply = pattern(200_000, 7)
    await sendAll(far, receiver, reply)
    await sender.has(reply.length)
    far.end()
    await sender.ended
    expect(Buffer.compare(sender.bytes, reply)).toBe(0)
    expect(await sender.closed).toBeUndefined()
    expect(await receiver.closed).toBeUndefined()
  })

  it.each(ways)('closes both ends with an error after a reset: %s', async (way) => {
    const { near, far } = await connected(way)
    const [sender, receiver] = [collect(near), collect(far)]
    near.send(pattern(10))
    await receiver.has(10)
    near.reset(new CodedError('test.reset', 'on purpose'))
    expect((await sender.closed)?.code).toBe('test.reset')
    expect(await receiver.closed).toBeDefined()
  })

  it.each(ways)('holds the sender back while the receiver does not read: %s', async (way) => {
    const { near, far } = await connected(way)
    const [sender, receiver] = [collect(near), collect(far, { keep: false })]
    far.pause()
    const bound = fixture().inFlightBytes ?? 32 * 1024 * 1024
    const chunk = pattern(64 * 1024)
    let sent = 0
    let open = true
    // Until it stalls for a while: what went out is all that the whole way can hold.
    while (open && sent <= bound) {
      const drained = sender.drained()
      const wait = !near.send(chunk)
      sent += chunk.length
      if (wait) open = await withinMs(drained, 300)
    }
    expect(sent).toBeLessThanOrEqual(bound)
    expect(open).toBe(false)
    far.resume()
    await receiver.has(sent)
    expect(receiver.length).toBe(sent)
    near.end()
    far.end()
    expect(await sender.closed).toBeUndefined()
  }, 30_000)
}

/** Sends back whatever comes, with back-pressure. */
function echo(flow: Flow): Promise<CodedError | undefined> {
  return new Promise((resolve) =>
    flow.attach({
      data(chunk, hold) {
        if (!flow.send(chunk, hold())) flow.pause()
      },
      end: () => flow.end(),
      drain: () => flow.resume(),
      close: resolve,
    }),
  )
}

async function sendAll(flow: Flow, heard: ReturnType<typeof collect>, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += 16_000) {
    const drained = heard.drained()
    if (!flow.send(bytes.subarray(offset, offset + 16_000))) await drained
  }
}

function withinMs(happening: Promise<void>, span: number): Promise<boolean> {
  return Promise.race([
    happening.then(() => true),
    new Promise<boolean>((resolve) => {
      setTimeout(() => resolve(false), span)
    }),
  ])
}
