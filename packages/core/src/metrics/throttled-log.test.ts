import { createVirtualClock } from '@tunnel/flow/testing'
import { expect, it } from 'vitest'
import { createThrottledLog } from './throttled-log.ts'

it('writes a line once a second per key, and says how many were left out', () => {
  const clock = createVirtualClock()
  const lines: unknown[] = []
  const log = createThrottledLog((level, source, message, fields) => lines.push([level, source, message, fields?.['alike']]), clock)
  for (let i = 0; i < 5; i++) log('a', 'warn', 'here', 'a')
  log('b', 'warn', 'here', 'b')
  clock.advance(1_000)
  log('a', 'warn', 'here', 'a')
  clock.advance(1_000)
  log('a', 'warn', 'here', 'a')
  expect(lines).toEqual([
    ['warn', 'here', 'a', undefined],
    ['warn', 'here', 'b', undefined],
    ['warn', 'here', 'a', 4],
    ['warn', 'here', 'a', undefined],
  ])
})
