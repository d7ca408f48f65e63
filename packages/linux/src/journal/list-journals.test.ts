import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { currentInstance } from './instance.ts'
import { createJournal } from './journal.ts'
import { listJournals } from './list-journals.ts'
import { openJournalDirectory } from './storage.ts'

let directory: string
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'journals-'))))
afterEach(() => rm(directory, { recursive: true }))

const undo = (summary: string) => ({ kind: 'test.undo', summary, parameters: {} })

it('shows what would be undone, last first, and leaves it', async () => {
  const storage = await openJournalDirectory(directory)
  const dead = await createJournal(storage, { ...currentInstance(), started: '1' })
  await dead.add([undo('first'), undo('second')])
  await dead.close()
  const living = await createJournal(storage, currentInstance())
  const before = await readdir(directory)
  const listings = await listJournals(directory)
  expect(listings).toHaveLength(2)
  expect(listings).toContainEqual(expect.objectContaining({ journal: dead.name, state: 'dead', undos: ['second', 'first'] }))
  expect(listings).toContainEqual(expect.objectContaining({ journal: living.name, state: 'running', undos: [] }))
  expect(await readdir(directory)).toEqual(before)
  await living.close()
})

it('makes no directory', async () => {
  expect(await listJournals(join(directory, 'none'))).toEqual([])
  expect(await readdir(directory)).toEqual([])
})
