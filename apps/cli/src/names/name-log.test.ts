import { createVirtualClock } from '@tunnel/flow/testing'
import { expect, it } from 'vitest'
import { createNameLog } from './name-log.ts'

it('names that questions bring forth do not fill a disk', async () => {
  const clock = createVirtualClock()
  const levels: Record<string, number> = {}
  const lines: string[] = []
  const news = createNameLog((level, _source, message) => {
    levels[level] = (levels[level] ?? 0) + 1
    lines.push(message)
  }, clock)
  for (let index = 0; index < 1000; index += 1) news.asked(`n${index}.wild.ziti`, ['100.64.0.9'])
  expect(levels).toEqual({ info: 101, debug: 900 })
  expect(lines[100]).toMatch(/^100 names below wildcards .* --verbose only$/)
  news.added('web.ziti', ['100.64.0.8'])
  expect(levels['info']).toBe(102)
  await clock.advance(60_000)
  news.asked('later.wild.ziti', ['100.64.0.7', 'fd00::7'])
  expect(levels).toEqual({ info: 103, debug: 900 })
  expect(lines.at(-1)).toBe('adding later.wild.ziti = 100.64.0.7 to resolver')
})

it('a name is said to be there once, and to be gone only after that', () => {
  const lines: string[] = []
  const news = createNameLog((_level, _source, message) => lines.push(message))
  news.removed('web.ziti')
  for (let times = 0; times < 2; times += 1) news.added('web.ziti', ['100.64.0.8'])
  for (let times = 0; times < 2; times += 1) news.removed('web.ziti')
  expect(lines).toEqual(['adding web.ziti = 100.64.0.8 to resolver', 'removing web.ziti from resolver'])
})
