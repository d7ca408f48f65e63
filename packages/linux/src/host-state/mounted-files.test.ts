import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'

const script = fileURLToPath(new URL('testing/mounted-files.ts', import.meta.url))

// Mounts need root, and a namespace of their own.
it.skipIf(noNetwork)('files that are mounted on are written in place and restored; a read-only one is refused in one line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ziti-mounts-'))
  try {
    const words = ['--mount', '--propagation', 'private', '--', process.execPath, '--conditions=tunnel-source', script, folder]
    const { stdout } = await promisify(execFile)('unshare', words)
    expect(JSON.parse(stdout)).toEqual({
      bound: 'done',
      boundContent: 'ours\n',
      readonly: `cannot change ${folder}/readonly/resolv.conf: its file system is mounted read-only; mount it writable, or change it by hand`,
      half: 'done',
      halfContent: 'ours\n',
      kept: true,
      after: 'theirs\n',
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
