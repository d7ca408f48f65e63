import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostChange } from '@tunnel/flow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseJournal } from '../journal/parse-journal.ts'
import { openHostState, type HostState } from './host-state.ts'
import { eachPerformer, type Performers } from './performer.ts'

let folder = ''
let host: HostState
/** What stands on the pretended host, and what happened to it. */
let standing: Set<string>
let history: string[]

const change = (name: string): HostChange => ({
  kind: 'thing.add',
  summary: `add ${name}`,
  parameters: { name },
  undo: { kind: 'thing.remove', summary: `remove ${name}`, parameters: { name } },
})

const journals = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.journal'))
const recorded = (): unknown[] => parseJournal(readFileSync(join(folder, journals()[0]!))).entries.map(({ undo }) => undo.parameters['name'])

const performers: Performers = {
  'thing.add': {
    scope: 'network',
    atomic: true,
    perform(batch) {
      const names = batch.map(({ name }) => String(name))
      if (names.some((name) => standing.has(name))) throw new Error('exists')
      // The undo of each stands in the journal before it is made.
      expect(recorded()).toEqual(expect.arrayContaining(names))
      for (const name of names) standing.add(name)
      history.push(`add ${names.join(' ')}`)
      return batch.map(() => 'done')
    },
  },
  'thing.remove': {
    scope: 'network',
    perform(batch) {
      const names = batch.map(({ name }) => String(name))
      if (names.includes('stuck')) throw new Error('device busy')
      for (const name of names) standing.delete(name)
      history.push(`remove ${names.join(' ')}`)
      return batch.map(() => 'done')
    },
  },
  'mine.set': eachPerformer('files', () => 'done', { prepare: () => ({ before: 'what was there' }) }),
  'mine.reset': eachPerformer('files', ({ before }) => ({ notOurs: 'it was changed', copy: Buffer.from(String(before)) })),
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ziti-state-'))
  standing = new Set()
  history = []
  host = await openHostState({ stateDirectory: folder, janitor: false, performers })
})

afterEach(async () => {
  await host.restore()
  rmSync(folder, { recursive: true })
})

describe('apply', () => {
  it('journals first, then makes neighbours of one kind in one call', async () => {
    await host.apply([change('a'), change('b')])
    expect(history).toEqual(['add a b'])
    expect(recorded()).toEqual(['a', 'b'])
  })

  it('that fails leaves what others made, takes back its own, and forgets both', async () => {
    standing.add('foreign')
    const middle: HostChange = { ...change('x'), kind: 'mine.set', undo: { kind: 'thing.remove', summary: '', parameters: { name: 'x' } } }
    await expect(host.apply([change('a'), middle, change('foreign'), middle])).rejects.toThrow('exists')
    expect([...standing]).toEqual(['foreign'])
    expect(history).toEqual(['add a', 'remove x a'])
    expect(recorded()).toEqual([])
  })

  it('refuses what nobody could undo, before anything is done', async () => {
    const unknown = { ...change('a'), undo: { kind: 'thing.vanish', summary: '', parameters: {} } }
    await expect(host.apply([change('b'), unknown])).rejects.toMatchObject({ code: 'journal.unknown-kind' })
    expect(history).toEqual([])
  })

  it('leaves alone what its owner makes, and the kernel undoes', async () => {
    await host.apply([{ kind: 'nftables.table', summary: 'a table', parameters: {} }])
    expect(recorded()).toEqual([])
  })

  it('calls wait for each other', async () => {
    await Promise.all([host.apply([change('a')]), host.revert([change('a')]), host.apply([change('a')])])
    expect(history).toEqual(['add a', 'remove a', 'add a'])
  })
})

describe('revert', () => {
  it('undoes equal changes, whoever made the object, and no others', async () => {
    await host.apply([change('a'), change('b'), change('c')])
    await host.revert([change('b'), change('never')])
    expect([...standing]).toEqual(['a', 'c'])
    expect(recorded()).toEqual(['a', 'c'])
  })
})

describe('restore', () => {
  it('undoes all, last first, and leaves no journal', async () => {
    await host.apply([change('a')])
    await host.apply([change('b'), change('c')])
    const report = await host.restore()
    expect(history.at(-1)).toBe('remove c b a')
    expect(report).toMatchObject({ undone: 3, left: [], failed: [] })
    expect(journals()).toEqual([])
    expect(await host.restore()).toBe(report)
    await expect(host.apply([change('d')])).rejects.toMatchObject({ code: 'journal.ended' })
  })

  it('goes on behind one that fails, and keeps that for the next start', async () => {
    await host.apply([change('a'), change('stuck'), change('b')])
    const report = await host.restore()
    expect([...standing]).toEqual(['stuck'])
    expect(report.failed).toEqual([{ summary: 'remove stuck', reason: 'device busy' }])
    expect(recorded()).toEqual(['stuck'])
  })

  it('says what it left, and keeps what was there before where only its owner reads', async () => {
    await host.apply([{ kind: 'mine.set', summary: '', parameters: {}, undo: { kind: 'mine.reset', summary: 'reset mine', parameters: {} } }])
    const { left } = await host.restore()
    expect(left).toEqual([{ summary: 'reset mine', reason: 'it was changed', copy: expect.stringContaining(folder) }])
    expect(readFileSync(left[0]!.copy!, 'utf8')).toBe('what was there')
    expect(statSync(left[0]!.copy!).mode & 0o777).toBe(0o600)
  })
})
