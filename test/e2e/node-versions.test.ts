import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetwork } from '@tunnel/devnet'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../support/pack.ts'
import { freePort } from '../support/ports.ts'
import { run, start } from '../support/programs.ts'
import { isLong } from '../support/scale.ts'

/** The oldest Node that the packages allow, and the newest line. The others are between, and the tests run on one of them. */
const versions = ['22.19', '26']

const platform = `node-${process.platform}-${process.arch}`
const program = join(root, 'apps/cli/bin/ziti-tunnel.js')
const folder = isLong ? mkdtempSync(join(tmpdir(), 'ziti-tunnel-node-')) : ''
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The program of that version; `undefined`, and said so, when npm cannot give it. */
async function findNode(version: string): Promise<string | undefined> {
  const prefix = join(folder, version)
  const { code } = await run('npm', ['install', '--no-save', '--prefix', prefix, `${platform}@${version}`, '--fetch-retries=0'], { seconds: 60 })
  if (code === 0) return join(prefix, 'node_modules', platform, 'bin/node')
  console.warn(`Node ${version}: skipped, since npm gives no ${platform}@${version}`)
  return undefined
}

describe.skipIf(!isLong).each(versions)('the built program on Node %s', async (version) => {
  const node = isLong ? await findNode(version) : undefined
  const tunnel = (...words: string[]) => run(node!, [program, ...words])

  it.skipIf(node === undefined)('says its version, and that of Node', async () => {
    expect(await tunnel('version', '-v')).toMatchObject({ code: 0, stdout: expect.stringContaining(`node v${version}.`), stderr: '' })
  })

  it.skipIf(node === undefined)('shows the demo, with every check passed', async () => {
    expect(await tunnel('demo', '--once')).toMatchObject({ code: 0, stdout: expect.stringContaining('equal at both ends'), stderr: '' })
  })

  it.skipIf(node === undefined)('serves a proxy listener, and stops in order', async () => {
    const web = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    const network = await createNetwork()
    await network.createIdentity('me')
    network.createService('web', { encrypted: true, dial: ['me'], hostedBy: { target: `tcp:127.0.0.1:${(web.address() as AddressInfo).port}` } })
    const identity = join(folder, `${version}.json`)
    writeFileSync(identity, JSON.stringify(network.identityJson('me')))
    const port = await freePort()
    const running = start(node!, [program, '-i', identity, 'proxy', `web:${port}`])
    try {
      await running.line(/service is listening/)
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello')
    } finally {
      expect(await running.stop()).toBe(0)
      await network.close()
      web.close()
    }
  })
})
