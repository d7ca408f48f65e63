import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeIdentity, writeIdentity } from './write-identity.ts'

describe('encodeIdentity (protocol 1.1)', () => {
  it("writes the members of Go's tools in their order, on one line, without HTML escapes", () => {
    const id = { ca: 'pem:CA', cert: 'pem:CERT', key: 'pem:<KEY>&' }
    expect(encodeIdentity({ id, ztAPI: 'https://one:1280' })).toBe(
      '{"ztAPI":"https://one:1280","ztAPIs":null,"configTypes":null,"id":{"key":"pem:<KEY>&","cert":"pem:CERT","ca":"pem:CA"},"enableHa":false}\n',
    )
  })

  it('keeps unknown members, inside id too', () => {
    const raw = { versions: { api: '1.0.0' }, id: { tool: 'x', server_cert: 's', key: 'k' }, ztAPI: 'https://one', enableHa: true }
    const text = encodeIdentity({ ...raw, ztAPIs: ['https://two'] })
    expect(JSON.parse(text)).toEqual({ ...raw, ztAPIs: ['https://two'], configTypes: null })
    expect(text).toContain('"id":{"key":"k","server_cert":"s","tool":"x"}')
  })
})

describe('writeIdentity', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'identity-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('writes a file that only its owner can read, also over an open one, and leaves nothing else', async () => {
    const path = join(directory, 'me.json')
    await writeFile(path, 'old', { mode: 0o644 })
    await writeIdentity(path, { ztAPI: 'https://one' })
    expect(JSON.parse(await readFile(path, 'utf8'))).toHaveProperty('ztAPI', 'https://one')
    if (process.platform !== 'win32') expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['me.json'])
  })

  it('replaces what a link points to, not the link', async () => {
    const target = join(directory, 'target.json')
    const link = join(directory, 'link.json')
    await writeFile(target, 'old')
    await symlink(target, link)
    await writeIdentity(link, { ztAPI: 'https://one' })
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expect(await readFile(target, 'utf8')).toContain('https://one')
  })

  it('leaves the old file and no other when it fails', async () => {
    const path = join(directory, 'me.json')
    await writeFile(path, 'old')
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    await expect(writeIdentity(path, cyclic)).rejects.toMatchObject({ code: 'identity.unwritable' })
    expect(await readFile(path, 'utf8')).toBe('old')
    await expect(writeIdentity(join(directory, 'no', 'me.json'), {})).rejects.toMatchObject({
      code: 'identity.unwritable',
      message: expect.stringContaining('ENOENT'),
    })
    // A directory in the way: the rename fails after the temporary file was written.
    await expect(writeIdentity(directory, {})).rejects.toMatchObject({ code: 'identity.unwritable' })
    expect(await readdir(directory)).toEqual(['me.json'])
    const siblings = await readdir(tmpdir())
    expect(siblings.filter((name) => name.endsWith('.tmp') && name.includes(directory.slice(tmpdir().length + 1)))).toEqual([])
  })
})
