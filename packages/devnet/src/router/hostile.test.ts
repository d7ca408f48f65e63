import { duplexPair } from 'node:stream'
import { ContentType, encodeFrame, encodeString, HeaderId } from '@tunnel/edge/wire'
import { createVirtualClock } from '@tunnel/flow/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settle } from './testing/sdk-peer.ts'
import { createTestNetwork } from './testing/test-network.ts'

const types = [...Object.values(ContentType), 1, 4, 5, 6, 10_900]
const headerIds = [...Object.values(HeaderId), 77]
const tokens = ['Dial:echo', 'Bind:echo', 'Dial:secret', 'Bind:secret', 'Dial:gone', 'alice-token', 'bob-token', '']

const value = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(...tokens).map((token) => encodeString(token)),
  // Small numbers meet: connection ids, sequences, flags.
  fc.nat(3).map((small) => Uint8Array.of(small, 0, 0, 0)),
  fc.nat(3).map((small) => Uint8Array.of(small)),
  fc.nat(3).map((small) => Uint8Array.of(small, 0, 0, 0x80)),
)
const frame = fc
  .record({
    contentType: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...types) }, { weight: 1, arbitrary: fc.integer({ min: -1, max: 70_000 }) }),
    sequence: fc.integer({ min: -1, max: 5 }),
    headers: fc.array(fc.tuple(fc.oneof({ weight: 3, arbitrary: fc.constant(HeaderId.ConnId as number) }, { weight: 5, arbitrary: fc.constantFrom(...headerIds) }), value), { maxLength: 6 }),
    body: value,
  })
  .map((parts) => Buffer.from(encodeFrame(parts)))
const hello = Buffer.from(encodeFrame({ contentType: ContentType.Hello, sequence: -1, headers: [[HeaderId.SessionToken, encodeString('alice-token')]] }))

interface Conversation {
  readonly opens: boolean
  readonly parts: readonly Uint8Array[]
  readonly cuts: readonly number[]
  readonly ends: boolean
}
const conversation: fc.Arbitrary<Conversation> = fc.record({
  opens: fc.boolean(),
  parts: fc.array(fc.oneof({ weight: 9, arbitrary: frame }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) }), { maxLength: 25 }),
  cuts: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
  ends: fc.boolean(),
})

describe('a hostile SDK', () => {
  it('never harms the router, whatever it says', async () => {
    const clock = createVirtualClock()
    const network = createTestNetwork({ clock })
    const router = network.router()
    await fc.assert(
      fc.asyncProperty(fc.array(conversation, { minLength: 1, maxLength: 3 }), async (conversations) => {
        const streams = conversations.map(({ opens, parts, cuts, ends }) => {
          const [ours, theirs] = duplexPair()
          ours.on('error', () => {}).resume()
          router.acceptStream(theirs, { clientCertificate: encodeString('alice') })
          const bytes = Buffer.concat(opens ? [hello, ...parts] : parts)
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const cut = cuts[turn % cuts.length]!
            ours.write(bytes.subarray(at, at + cut))
            at += cut
          }
          if (ends) ours.end()
          return ours
        })
        await settle()
        clock.advance(20_000)
        await settle()
        for (const stream of streams) stream.end()
        router.dropChannels()
        clock.advance(40_000)
        await settle()
        expect(router.stats()).toMatchObject({ channels: 0, circuits: 0, binds: 0, blockedChannels: 0, bufferedBytes: 0 })
        expect(network.terminators).toEqual([])
        expect(network.fabric.stats().circuits).toBe(0)
      }),
      { numRuns: 300 },
    )
    const { closed, ignored } = router.stats()
    expect(Object.keys(closed)).toEqual(expect.arrayContaining(['hello-expected', 'frame.magic', 'peer-closed']))
    expect(Object.keys(ignored)).toEqual(expect.arrayContaining(['unsupported', 'unknown-connection', 'no-connection-id']))
    // No timer is left behind.
    expect(clock.pending).toBe(0)
  }, 30_000)

  it('cannot make the router wait for a frame of four gigabytes', async () => {
    const network = createTestNetwork()
    const router = network.router()
    const sdk = await network.sdk(router)
    const head = Buffer.from(encodeFrame({ contentType: ContentType.Data, sequence: 1 }))
    head.writeUInt32LE(0xff_ff_ff_ff, 16)
    sdk.stream.write(head)
    await sdk.closed
    expect(router.stats().closed).toEqual({ 'frame.oversize': 1 })
  })
})
