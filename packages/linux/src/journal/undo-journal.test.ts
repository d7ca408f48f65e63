import { expect, it } from 'vitest'
import { createMemoryStorage } from './testing/memory-storage.ts'
import { copyKeeper } from './undo-journal.ts'

it('keeps the first copy and the latest, of each journal by itself', async () => {
  const storage = createMemoryStorage()
  const keep = copyKeeper(storage, 'mine')
  const others = copyKeeper(storage, 'other')
  for (let id = 1; id <= 30; id += 1) {
    expect(await keep(Uint8Array.of(id), { id })).toBe(`${storage.directory}/mine.${id}.kept`)
    if (id <= 3) await others(Uint8Array.of(id), { id })
  }
  const names = await storage.list()
  const numbers = names.filter((name) => name.startsWith('mine.')).map((name) => Number(name.split('.')[1]))
  expect(numbers.toSorted((left, right) => left - right)).toEqual([1, 24, 25, 26, 27, 28, 29, 30])
  expect(names.filter((name) => name.startsWith('other.'))).toHaveLength(3)
})
