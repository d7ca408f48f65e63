import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { spawn, type ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '@tunnel/flow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eachPerformer, type Performers } from '../host-state/performer.ts'
import { claimJournal } from './claim.ts'
import { currentInstance, startTime, type Instance } from './instance.ts'
import { encodeRecord, journalVersion } from './record.ts'
import { replayJournals, type ReplayReport } from './replay.ts'
import { openJournalDirectory } from './storage.ts'

let folder = ''
let undone: string[]
let said: string[]
let reach: 'fails' | 'works'
const here = currentInstance()
/** Nobody has this start time. */
const dead: Instance = { ...here, pid: 1, started: '1', group: 1 << 22 }

const performers: Performers = {
  'route.remove': eachPerformer('network', ({ name }) => {
    if (reach === 'fails') throw new Error('device busy')
    undone.push(String(name))
    return 'done'
  }),
  'file.restore': eachPerformer('files', ({ name }) => {
    undone.push(String(name))
    return 'done'
  }),
}

const log: Log = (level, _, message) => void said.push(`${level}: ${message}`)
const replay = (): Promise<ReplayReport> => replayJournals(folder, { performers, log })

function write(name: string, instance: Instance, ...names: string[]): void {
  const undos = names.map((each, index) => {
    const kind = each.startsWith('file') ? 'file.restore' : 'route.remove'
    return encodeRecord({ type: 'undo', id: index + 1, undo: { kind, summary: `undo ${each}`, parameters: { name: each } } })
  })
  writeFileSync(join(folder, name), encodeRecord({ type: 'header', version: journalVersion, instance }) + undos.join(''), { mode: 0o600 })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ziti-replay-'))
  undone = []
  said = []
  reach = 'works'
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a replay', () => {
  it('undoes what the dead have left, last first, and the journal is gone', async () => {
    write('a.journal', dead, 'one', 'file two', 'three')
    const report = await replay()
    expect(undone).toEqual(['three', 'file two', 'one'])
    expect(report.instances).toMatchObject([{ journal: 'a.journal', undone: 3 }])
    expect(readdirSync(folder)).toEqual([])
  })

  it('touches nothing of those that live', async () => {
    write('a.journal', here, 'one')
    expect(await replay()).toMatchObject({ alive: 1, instances: [] })
    expect(undone).toEqual([])
    expect(readdirSync(folder)).toEqual(['a.journal'])
  })

  it('of an earlier boot restores files only: the rest went with the boot', async () => {
    write('a.journal', { ...here, boot: 'another', mountNamespace: '1', files: '1:1' }, 'one', 'file two')
    await replay()
    expect(undone).toEqual(['file two'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves what another network namespace holds, says so, and keeps it for somebody there', async () => {
    write('a.journal', { ...dead, networkNamespace: '1' }, 'one', 'file two', 'three')
    const report = await replay()
    expect(undone).toEqual(['file two'])
    expect(report.instances[0]?.skipped.map(({ summary }) => summary)).toEqual(['undo three', 'undo one'])
    expect(said).toContainEqual(expect.stringContaining('made in another network namespace, net:[1]'))
    write('b.journal', dead)
    expect(readFileSync(join(folder, 'a.journal'), 'utf8')).not.toContain('file two')
    expect(readFileSync(join(folder, 'a.journal'), 'utf8')).toContain('three')
  })

  it.each([
    ['with the same files (a service with PrivateTmp)', here.files, ['file one']],
    ['with other files (a container)', '1:1', []],
  ])('of another mount namespace %s', async (_, files, expected) => {
    write('a.journal', { ...dead, mountNamespace: '1', files }, 'file one')
    await replay()
    expect(undone).toEqual(expected)
  })

  it('keeps what failed for the next time', async () => {
    write('a.journal', dead, 'one', 'file two')
    reach = 'fails'
    expect((await replay()).instances[0]?.failed).toEqual([{ summary: 'undo one', reason: 'device busy' }])
    reach = 'works'
    await replay()
    expect(undone).toEqual(['file two', 'one'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('undoes what stands before the damage, and keeps a damaged journal aside', async () => {
    write('a.journal', dead, 'one', 'two')
    writeFileSync(join(folder, 'a.journal'), 'garbage\n', { flag: 'a' })
    writeFileSync(join(folder, 'b.journal'), 'garbage\n')
    const report = await replay()
    expect(undone).toEqual(['two', 'one'])
    expect(readdirSync(folder).sort()).toEqual(['a.damaged', 'b.damaged'])
    expect(report.instances.map(({ damage }) => damage?.reason)).toEqual(['line 4 is damaged', 'line 1 is damaged'])
    expect(said.filter((line) => line.includes('journal is damaged'))).toHaveLength(2)
    await replay()
    expect(undone).toHaveLength(2)
  })

  it('does nothing that a journal says which others can write, or that is none', async () => {
    write('a.journal', dead, 'one')
    chmodSync(join(folder, 'a.journal'), 0o666)
    symlinkSync('/dev/zero', join(folder, 'b.journal'))
    mkdirSync(join(folder, 'c.journal'))
    const newer = encodeRecord({ type: 'header', version: 2, instance: dead })
    writeFileSync(join(folder, 'd.journal'), newer, { mode: 0o600 })
    const report = await replay()
    expect(undone).toEqual([])
    expect(report.untouched.map(({ journal }) => journal).sort()).toEqual(['a.journal', 'b.journal', 'c.journal', 'd.journal'])
  })

  it.each([
    ['others can write to', () => chmodSync(folder, 0o777)],
    ['is a link', () => (rmSync(folder, { recursive: true }), symlinkSync(tmpdir(), folder))],
  ])('refuses a directory that %s', async (_, spoil) => {
    spoil()
    await expect(replay()).rejects.toMatchObject({ code: 'journal.unsafe-directory' })
  })

  it('makes a directory that is not there, for its owner alone', async () => {
    await replayJournals(join(folder, 'new', 'state'), { performers })
    expect(statSync(join(folder, 'new', 'state')).mode & 0o777).toBe(0o700)
  })
})

describe('two that undo at once', () => {
  let other: ChildProcess | undefined
  afterEach(() => void other?.kill('SIGKILL'))

  it('never undo the same journal', async () => {
    for (let number = 0; number < 20; number++) write(`${number}.journal`, dead, `${number}`)
    await Promise.all([replay(), replay(), replay()])
    expect(undone.sort()).toEqual(Array.from({ length: 20 }, (_, number) => `${number}`).sort())
  })

  const claimedBy = (pid: number, started: string): string => `a.undoing-${here.boot.slice(0, 8)}-${here.pidNamespace}-${pid}-${started}`

  it('the later waits for the earlier', async () => {
    other = spawn('sleep', ['10'])
    const name = claimedBy(other.pid!, startTime(other.pid!)!)
    write(name, dead, 'one')
    let finished = false
    const replaying = replay().then(() => (finished = true))
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(finished).toBe(false)
    rmSync(join(folder, name))
    await replaying
    expect(undone).toEqual([])
  })

  it('the later takes over when the earlier dies on the way', async () => {
    write(claimedBy(1, '1'), dead, 'one')
    await replay()
    expect(undone).toEqual(['one'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('only one claim of a journal succeeds', async () => {
    write('a.journal', dead, 'one')
    const storage = await openJournalDirectory(folder)
    const claims = await Promise.all([1, 2, 3].map(() => claimJournal(storage, 'a.journal')))
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1)
    expect(existsSync(join(folder, 'a.journal'))).toBe(false)
  })
})
