import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { examplesOf } from '../../../tooling/src/readme-examples.ts'

const { readme: [example = ''], module } = examplesOf(import.meta.url)

describe('the example', () => {
  it('is the same in the README and in the module', () => {
    expect(example).toContain('createNetwork')
    expect(module).toBe(example)
  })

  it('works, and ends', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath, ['--conditions=tunnel-source', '--input-type=module', '--eval', example],
      { cwd: fileURLToPath(new URL('..', import.meta.url)), timeout: 9000 },
    )
    expect(stdout).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/edge\/client\/v1 is up\n$/)
  })
})
