import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('is not loaded before something is enrolled', async () => {
  const enroll = new URL('enroll.ts', import.meta.url).href
  const program = `await import(${JSON.stringify(enroll)}); console.log(typeof Reflect.getMetadata)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=tunnel-source', '--input-type=module', '-e', program])
  expect(stdout.trim()).toBe('undefined')
})
