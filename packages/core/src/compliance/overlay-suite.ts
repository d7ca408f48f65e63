import { CodedError } from '@tunnel/flow'
import { afterAll, beforeAll, describe } from 'vitest'
import { closingTests } from './overlay-closing.ts'
import { dataTests } from './overlay-data.ts'
import { datagramTests } from './overlay-datagrams.ts'
import { dialTests } from './overlay-dial.ts'
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
  })
}
