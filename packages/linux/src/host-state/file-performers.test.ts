import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { performFileRestore, performFileWrite, planFileWrite, prepareFileWrite, type FileWrite } from './file-performers.ts'
import type { ChangeParameters, PerformOutcome } from './performer.ts'

let folder = ''
const at = (name: string): string => join(folder, name)

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'ziti-file-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** All of a folder that a program could see. */
function dump(): string[] {
  return readdirSync(folder).sort().map((name) => {
    const stat = lstatSync(at(name))
    const what = stat.isSymbolicLink() ? `-> ${readlinkSync(at(name))}` : readFileSync(at(name), 'latin1')
    return `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${Math.round(stat.mtimeMs)} ${JSON.stringify(what)}`
  })
}

async function write(options: FileWrite): Promise<ChangeParameters> {
  const change = planFileWrite(options)
  const prepared = await prepareFileWrite(change.parameters)
  expect(await performFileWrite({ ...change.parameters, ...prepared })).toBe('done')
  return { ...change.undo!.parameters, ...prepared }
}

const restore = async (undo: ChangeParameters): Promise<PerformOutcome> => performFileRestore(undo)

describe('a file for the time of a run', () => {
  it('comes back byte for byte, with mode, owner and time', async () => {
    writeFileSync(at('resolv.conf'), Buffer.from([0, 255, 10, 0xc3, 0x28]))
    chmodSync(at('resolv.conf'), 0o640)
    utimesSync(at('resolv.conf'), 1_700_000_000, 1_700_000_000)
    const before = dump()
    const undo = await write({ path: at('resolv.conf'), content: 'nameserver 127.0.0.1\n' })
    expect(readFileSync(at('resolv.conf'), 'utf8')).toBe('nameserver 127.0.0.1\n')
    expect(lstatSync(at('resolv.conf')).mode & 0o777).toBe(0o640)
    expect(await restore(undo)).toBe('done')
    expect(dump()).toEqual(before)
  })

  it('that did not exist is gone again', async () => {
    const undo = await write({ path: at('resolv.conf'), content: 'ours' })
    expect(await restore(undo)).toBe('done')
    expect(dump()).toEqual([])
  })

  it('behind a link is written where the link leads, and the link stays', async () => {
    writeFileSync(at('target'), 'old')
    symlinkSync('target', at('second'))
    symlinkSync('second', at('resolv.conf'))
    const before = dump()
    const undo = await write({ path: at('resolv.conf'), content: 'ours' })
    expect(readFileSync(at('target'), 'utf8')).toBe('ours')
    expect(readlinkSync(at('resolv.conf'))).toBe('second')
    expect(await restore(undo)).toBe('done')
    expect(dump()).toEqual(before)
  })

  it.each(['target', 'nowhere'])('in place of a link to %s gives the link back', async (target) => {
    writeFileSync(at('target'), 'old')
    symlinkSync(target, at('resolv.conf'))
    const before = dump()
    const undo = await write({ path: at('resolv.conf'), content: 'ours', replaceLink: true })
    expect(lstatSync(at('resolv.conf')).isFile()).toBe(true)
    expect(readFileSync(at('target'), 'utf8')).toBe('old')
    expect(await restore(undo)).toBe('done')
    expect(dump()).toEqual(before)
  })

  it('is left when somebody else has changed it since, and what was there before is handed over', async () => {
    writeFileSync(at('resolv.conf'), 'old')
    const undo = await write({ path: at('resolv.conf'), content: 'ours' })
    writeFileSync(at('resolv.conf'), 'theirs')
    expect(await restore(undo)).toEqual({ notOurs: expect.stringContaining('somebody else has changed'), copy: Buffer.from('old') })
    expect(readFileSync(at('resolv.conf'), 'utf8')).toBe('theirs')
  })

  it.each([
    ['removed', () => rmSync(at('resolv.conf'))],
    ['made a link', () => (rmSync(at('resolv.conf')), symlinkSync('other', at('resolv.conf')))],
    ['made empty', () => writeFileSync(at('resolv.conf'), '')],
  ])('is left when it was %s', async (_, theirs) => {
    writeFileSync(at('resolv.conf'), 'old')
    const undo = await write({ path: at('resolv.conf'), content: 'ours' })
    theirs()
    const before = dump()
    expect(await restore(undo)).toMatchObject({ copy: Buffer.from('old') })
    expect(dump()).toEqual(before)
  })

  it('is restored twice, and before it was ever written, without harm', async () => {
    writeFileSync(at('resolv.conf'), 'old')
    const before = dump()
    const change = planFileWrite({ path: at('resolv.conf'), content: 'ours' })
    const undo = { ...change.undo!.parameters, ...(await prepareFileWrite(change.parameters)) }
    expect(await restore(undo)).toBe('done')
    const written = await write({ path: at('resolv.conf'), content: 'ours' })
    expect(await restore(written)).toBe('done')
    expect(await restore(written)).toBe('done')
    expect(dump()).toEqual(before)
  })

  it('leaves no half-made file when the writer died before the rename', async () => {
    writeFileSync(at('resolv.conf'), 'old')
    const before = dump()
    const change = planFileWrite({ path: at('resolv.conf'), content: 'ours' })
    const undo = { ...change.undo!.parameters, ...(await prepareFileWrite(change.parameters)) }
    writeFileSync(at(String(undo['temporary'])), 'ou')
    expect(await restore(undo)).toBe('done')
    expect(dump()).toEqual(before)
  })

  it.each([
    ['a longer one', 'new content that is longer', 'old'],
    ['a shorter one', 'new', 'old content that is longer'],
  ])('written half in place by %s is restored', async (_, content, old) => {
    writeFileSync(at('resolv.conf'), old)
    const change = planFileWrite({ path: at('resolv.conf'), content })
    const undo = { ...change.undo!.parameters, ...(await prepareFileWrite(change.parameters)) }
    writeFileSync(at('resolv.conf'), content.slice(0, 2) + old.slice(2))
    expect(await restore(undo)).toBe('done')
    expect(readFileSync(at('resolv.conf'), 'utf8')).toBe(old)
  })

  it.each([
    ['a folder', () => folder, 'no plain file'],
    ['a path whose directory is missing', () => at('missing/resolv.conf'), 'its directory does not exist'],
    ['a circle of links', () => (symlinkSync('circle', at('circle')), at('circle')), 'round in a circle'],
  ])('refuses %s in one line', async (_, path, reason) => {
    await expect(write({ path: path(), content: 'ours' })).rejects.toThrow(reason)
  })
})
