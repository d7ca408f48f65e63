import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { examplesOf } from '../../../tooling/src/readme-examples.ts'
import { errorGuide } from './index.ts'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')

it('shows the example of index.ts, and it works', async () => {
  const { readme: [example = ''], module } = examplesOf(import.meta.url)
  expect(module).toBe(example)
  const args = ['--conditions=tunnel-source', '--no-warnings', '--input-type=module-typescript', '--eval', example]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL('..', import.meta.url) })
  expect(stdout).toContain('info intercept.updateServices: starting tunnel for newly available service hello\n')
  expect(stdout).toContain('hello from the server\n')
}, 20_000)

it('has a row for every error code', async () => {
  const readme = await read('../README.md')
  for (const [code, { meaning, next }] of Object.entries(errorGuide)) expect(readme).toContain(`| \`${code}\` | ${meaning} | ${next} |`)
})
