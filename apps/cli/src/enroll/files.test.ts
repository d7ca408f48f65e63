import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkWritable, readCertificates, readToken } from './files.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'enroll-'))
})
afterEach(() => rm(directory, { recursive: true }))

const failure = (code: string, message: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(message) })

describe('readToken', () => {
  it('takes a variable, without the line end', async () => {
    expect(await readToken('env:TOKEN', { TOKEN: 'a.b.c\n' })).toBe('a.b.c')
  })

  it.each([
    ['a variable that is not set', 'env:TOKEN', {}, /^environment variable TOKEN is not set: /],
    ['an empty variable', 'env:TOKEN', { TOKEN: ' ' }, /^environment variable TOKEN is empty: /],
    ['what is no token', 'env:TOKEN', { TOKEN: 'x'.repeat(100_000) }, /^environment variable TOKEN is too large /],
  ])('refuses %s by name', async (_, source, environment, message) => {
    await expect(readToken(source, environment)).rejects.toEqual(failure('enroll.token', message))
  })
})

describe('checkWritable', () => {
  it('writes as much as an identity and leaves nothing behind', async () => {
    await checkWritable(join(directory, 'ziti.json'))
    expect(await readdir(directory)).toEqual([])
  })

  it('refuses a file that is there, and a directory that is not', async () => {
    await writeFile(join(directory, 'ziti.json'), 'precious')
    await expect(checkWritable(join(directory, 'ziti.json'))).rejects.toEqual(failure('enroll.exists', /ziti\.json exists already/))
    const nowhere = join(directory, 'no', 'ziti.json')
    await expect(checkWritable(nowhere)).rejects.toEqual(failure('enroll.unwritable', /no such file or directory; the token was not used$/))
  })

  it.skipIf(process.platform !== 'linux')('finds out about a disk that takes nothing', async () => {
    await expect(checkWritable('/proc/ziti.json')).rejects.toEqual(failure('enroll.unwritable', /cannot be written/))
  })
})

describe('readCertificates', () => {
  it('refuses what holds none, before it is used', async () => {
    await writeFile(join(directory, 'ca.pem'), 'no PEM')
    await expect(readCertificates(join(directory, 'ca.pem'))).rejects.toEqual(failure('enroll.ca', /ca\.pem holds no certificate/))
    await expect(readCertificates(join(directory, 'none.pem'))).rejects.toEqual(failure('enroll.unreadable', /none\.pem: no such file/))
  })
})
