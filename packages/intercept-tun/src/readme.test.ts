import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { client } from '../../../tooling/src/testing-host/clients.ts'
import { enterOwnHost, noNetwork, run } from '../../../tooling/src/testing-host/own-network.ts'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const firstExample = (text: string): string => /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? ''

it('shows the example of index.ts', async () => {
  const doc = (await read('./index.ts')).replaceAll(/^ \* ?/gm, '')
  expect(firstExample(doc)).toBe(firstExample(await read('../README.md')))
})

describe.skipIf(noNetwork)('the example', () => {
  it('works, and leaves the host as it was', async () => {
    enterOwnHost()
    const before = run('ip', 'route', 'show', 'table', 'all') + run('ip', 'rule')
    const server = createServer((_request, response) => response.end('of our choice')).listen(8080, '127.0.0.1')
    const directory = mkdtempSync(join(tmpdir(), 'tun-'))
    // The package that reads configs is none that this one depends on.
    const config = new URL('../../config/src/index.ts', import.meta.url).href
    const example = firstExample(await read('../README.md')).replace('/run/my-proxy', directory).replace("'@tunnel/config'", `'${config}'`)
    const program = example.replace("'@tunnel/intercept-tun'", `'${new URL('./index.ts', import.meta.url).href}'`)
    const args = ['--conditions=tunnel-source', '--no-warnings', '--input-type=module-typescript', '--eval', program]
    const child = spawn(process.execPath, args, { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] })
    const [told] = (await once(child.stdout, 'data')) as [Buffer]
    expect(String(told)).toContain("intercepting tcp 203.0.113.80:80 for service 'web'")
    expect(await client('curl', ['-sS', 'http://203.0.113.80/'])).toBe('of our choice')
    child.kill('SIGTERM')
    await once(child, 'close')
    server.close()
    rmSync(directory, { recursive: true })
    expect(run('ip', 'route', 'show', 'table', 'all') + run('ip', 'rule')).toBe(before)
  }, 20_000)
})
