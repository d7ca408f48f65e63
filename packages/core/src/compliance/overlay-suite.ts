import { CodedError } from '@tunnel/flow'
import { datagramFlowCompliance, flowCompliance } from '@tunnel/flow/compliance'
import { afterAll, beforeAll, describe } from 'vitest'
import { closingTests } from './overlay-closing.ts'
import { dataTests } from './overlay-data.ts'
import { connectDatagrams, datagramTests } from './overlay-datagrams.ts'
import { dialTests } from './overlay-dial.ts'
import { connectOn } from './overlay-fixture.ts'
import type { OverlayFixture } from './overlay-fixture.ts'
import { watchTests } from './overlay-watch.ts'

/**
 * What every overlay must do, as a vitest suite. `create` is called once for all tests that share a network, and once
 * for each test that closes one.
 */
export function overlayCompliance(name: string, create: () => Promise<OverlayFixture>): void {
  describe(`${name} is an overlay`, () => {
    let shared: OverlayFixture | undefined
    beforeAll(async () => void (shared = await create()))
    afterAll(() => shared?.close())
    const fixture = (): OverlayFixture => {
      if (!shared) throw new CodedError('compliance.no-fixture', 'the fixture of the overlay suite was not created')
      return shared
    }

    describe('watch', () => watchTests(fixture))
    describe('dial and bind', () => dialTests(fixture))
    describe('data on a plain service', () => dataTests(fixture, ({ plain }) => plain))
    describe('data on an encrypted service', () => dataTests(fixture, ({ encrypted }) => encrypted))
    describe('datagrams', () => datagramTests(fixture))
    describe('close', () => closingTests(create))

    const over = new CodedError('test.over', 'the test is over')
    flowCompliance('a dialled connection', async () => {
      const { client, server } = await connectOn(fixture(), fixture().services.encrypted)
      const close = async (): Promise<void> => [client, server].forEach((flow) => flow.reset(over))
      return { left: client, right: server, close }
    })
    datagramFlowCompliance('a dialled datagram connection', async () => {
      const { client, server } = await connectDatagrams(fixture())
      const close = async (): Promise<void> => [client, server].forEach((flow) => flow.close())
      return { left: client, right: server, close }
    })
  })
}
