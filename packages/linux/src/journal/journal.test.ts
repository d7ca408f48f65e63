import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { currentInstance } from './instance.ts'
import { createJournal } from './journal.ts'
import { parseJournal } from './parse-journal.ts'
import { createMemoryStorage, type MemoryStorage } from './testing/memory-storage.ts'

const undo = (number: number): { kind: string; summary: string; parameters: { number: number } } => ({
  kind: 'route.remove',
  summary: `remove the route number ${number}`,
  parameters: { number },
})
const numbersIn = (bytes: Uint8Array | undefined): unknown[] => parseJournal(bytes ?? new Uint8Array()).entries.map((entry) => entry.undo.parameters['number'])
const onDisk = (storage: MemoryStorage, name: string, keeps: (page: number) => boolean): unknown[] => numbersIn(storage.afterPowerCut(keeps).get(name))

describe('the journal on a disk', () => {
  it('survives a power cut with all that add() has returned for, however much of the rest was lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { maxLength: 12 }), fc.infiniteStream(fc.boolean()), async (sizes, pages) => {
        const storage = createMemoryStorage()
        const journal = await createJournal(storage, currentInstance())
        const kept: boolean[] = []
        const keeps = (page: number): boolean => (kept[page] ??= pages.next().value ?? false)
        const added: number[] = []
        for (const size of sizes) {
          const next = Array.from({ length: size }, (_, index) => added.length + index)
          await journal.add(next.map(undo))
          added.push(...next)
          const found = onDisk(storage, journal.name, keeps)
          expect(found).toEqual(added)
          // Not synced: the disk may forget it, and then all is undone again.
          if (size > 2) await journal.forget([])
        }
      }),
      { numRuns: 60 },
    )
  })

  it('torn by a power cut in the middle of an add has all that was there before', async () => {
    const storage = createMemoryStorage()
    const journal = await createJournal(storage, currentInstance())
    await journal.add([undo(1), undo(2)])
    storage.failSyncs(true)
    await expect(journal.add([undo(3), undo(4), undo(5)])).rejects.toMatchObject({ code: 'journal.unwritable' })
    for (let pattern = 0; pattern < 64; pattern++) {
      const found = onDisk(storage, journal.name, (page) => ((pattern >> page % 6) & 1) === 1)
      expect(found.slice(0, 2)).toEqual([1, 2])
    }
  })

  it('on a full disk refuses, stays readable, and goes on when there is room', async () => {
    const storage = createMemoryStorage()
    const journal = await createJournal(storage, currentInstance())
    await journal.add([undo(1)])
    for (const bytes of [0, 1, 40, 100]) {
      storage.fillUp(bytes)
      await expect(journal.add([undo(2)])).rejects.toMatchObject({ code: 'journal.unwritable' })
      expect(numbersIn(storage.content(journal.name))).toEqual([1])
      expect(parseJournal(storage.content(journal.name)!).damage).toBeUndefined()
      storage.makeRoom()
    }
    await journal.add([undo(3)])
    expect(numbersIn(storage.content(journal.name))).toEqual([1, 3])
    expect(journal.entries().map((entry) => entry.undo.parameters['number'])).toEqual([1, 3])
  })

  it('stays small however often things come and go', async () => {
    const storage = createMemoryStorage()
    const journal = await createJournal(storage, currentInstance())
    const [lasting] = await journal.add([undo(0)])
    let largest = 0
    for (let round = 0; round < 200; round++) {
      const ids = await journal.add(Array.from({ length: 100 }, (_, index) => undo(index)))
      await journal.forget(ids)
      largest = Math.max(largest, storage.content(journal.name)!.length)
    }
    expect(largest).toBeLessThan(400_000)
    expect(parseJournal(storage.content(journal.name)!).entries.map(({ id }) => id)).toEqual([lasting])
  })

  it('is gone after remove, and stays after close', async () => {
    const storage = createMemoryStorage()
    const one = await createJournal(storage, currentInstance())
    const other = await createJournal(storage, currentInstance())
    await one.remove()
    await other.close()
    expect(await storage.list()).toEqual([other.name])
  })
})
