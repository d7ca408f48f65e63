import { expect, it } from 'vitest'
import { Turns } from './turns.ts'

it('work takes turns, in order, also after a failure', async () => {
  const turns = new Turns()
  const events: string[] = []
  const work = (name: string, fails = false) => async (): Promise<string> => {
    events.push(`${name} begins`)
    await new Promise((resolve) => setImmediate(resolve))
    events.push(`${name} ends`)
    if (fails) throw new Error(name)
    return name
  }
  const all = [turns.take(work('one')), turns.take(work('two', true)), turns.take(work('three'))]
  expect(events).toEqual([])
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await all[2]).toBe('three')
  expect(events).toEqual(['one begins', 'one ends', 'two begins', 'two ends', 'three begins', 'three ends'])
})
