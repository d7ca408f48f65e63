import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Network } from '@tunnel/devnet'
import { createNetwork } from '@tunnel/devnet'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findFreePorts } from './demo/free-port.ts'

// The whole program in a process of its own, from sources: what a user sees.
const main = fileURLToPath(new URL('main.ts', import.meta.url))
const bin = fileURLToPath(new URL('../bin/ziti-tunnel.js', import.meta.url))

let directory: string
const children: ChildProcessWithoutNullStreams[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ziti-tunnel-test-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(directory, { recursive: true })
})

interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

function start(argv: string[], options: { input?: string; environment?: Record<string, string> } = {}) {
  const child = spawn(process.execPath, ['--conditions=tunnel-source', main, ...argv], {
    cwd: directory,
    env: { ...process.env, ...options.environment },
  })
  children.push(child)
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => (out += data))
  child.stderr.on('data', (data) => (err += data))
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      child.stderr.on('data', () => err.includes(text) && resolve())
      child.on('close', () => reject(new Error(`it never said '${text}': ${err}`)))
    })
  child.stdin.end(options.input ?? '')
  const ended = new Promise<Outcome>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, err })))
  return { child, ended, said }
}

const run = (argv: string[], options?: Parameters<typeof start>[1]) => start(argv, options).ended

/** Two identities that are good to read, of a network that is gone. */
async function identitiesOfNowhere() {
  const network = await createNetwork()
  try {
    await Promise.all([network.createIdentity('one'), network.createIdentity('two')])
    return await Promise.all([network.identityJson('one'), network.identityJson('two')])
  } finally {
    await network.close()
  }
}

let one: Awaited<ReturnType<typeof identitiesOfNowhere>>[0]
let two: typeof one
let unreachable: string
beforeAll(async () => {
  ;[one, two] = await identitiesOfNowhere()
  unreachable = JSON.stringify(one)
})

describe('a bad identity: one line, exit code 3, nothing written', () => {
  const cases: [what: string, content: string | undefined, says: RegExp][] = [
    ['missing', undefined, /bad\.json.*does not exist/],
    ['not JSON', '{ "ztAPI": ', /bad\.json/],
    ['empty', '', /bad\.json/],
    ['a wrong field', '{"ztAPI": 7, "id": {}}', /bad\.json.*ztAPI/],
    ['a key that is not there', '{"ztAPI": "https://127.0.0.1:9", "id": {"cert": "file://no.pem", "key": "file://no.key"}}', /bad\.json.*id\.(cert|key)/],
  ]
  it.each(cases)('%s', async (_, content, says) => {
    if (content !== undefined) await writeFile(join(directory, 'bad.json'), content)
    const before = await readdir(directory)
    const { code, out, err } = await run(['proxy', 'a:1', '-i', 'bad.json', '--log-formatter', 'pretty'])
    expect(err.trimEnd().split('\n')).toEqual([expect.stringMatching(says)])
    expect(err).toMatch(/^\[ +\d+\.\d{3}\] {3}ERROR ziti-tunnel\/subcmd\.proxy: \{code=\[identity\.[a-z-]+\]\} /)
    expect({ code, out }).toEqual({ code: 3, out: '' })
    expect(await readdir(directory)).toEqual(before)
  })

  it('whose key belongs to another', async () => {
    await writeFile(join(directory, 'mixed.json'), JSON.stringify({ ...one, id: { ...one.id, key: two.id.key } }))
    const { code, err } = await run(['host', '-i', 'mixed.json'])
    expect(code).toBe(3)
    expect(JSON.parse(err)).toMatchObject({ level: 'error', code: 'identity.key-mismatch', msg: expect.stringContaining('mixed.json') })
  })

  it('that is a directory', async () => {
    const { code, err } = await run(['host', '-i', '.'])
    expect(code).toBe(3)
    expect(JSON.parse(err)).toMatchObject({ level: 'error', code: 'identity.unreadable' })
  })

  it('from standard input and from the environment', async () => {
    expect(await run(['run', '-'], { input: 'nonsense' })).toMatchObject({ code: 3, err: expect.stringContaining('standard input') })
    expect(await run(['-i', 'env:BAD', 'host'], { environment: { BAD: '[]' } })).toMatchObject({ code: 3, err: expect.stringContaining('BAD') })
  })

  it('in a directory where no other can be used', async () => {
    await mkdir(join(directory, 'ids'))
    await writeFile(join(directory, 'ids', 'a.json'), 'nonsense')
    const { code, err } = await run(['host', '--identity-dir', 'ids'])
    expect(code).toBe(3)
    expect(err.trimEnd().split('\n')).toHaveLength(2)
    expect((await run(['host', '--identity-dir', 'absent'])).code).toBe(3)
  })
})

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends it with 0, also while the controller cannot be reached', async (signal) => {
    await writeFile(join(directory, 'good.json'), unreachable)
    const { child, ended, said } = start(['proxy', 'a:1', '-i', 'good.json'])
    await said('starting proxy interceptor')
    child.kill(signal)
    const { code, err } = await ended
    expect(err).toContain(`"signal":"${signal}"`)
    expect(code).toBe(0)
  })

  it('one bad identity in a directory does not stop the others', async () => {
    await mkdir(join(directory, 'ids'))
    await writeFile(join(directory, 'ids', 'bad.json'), 'nonsense')
    await writeFile(join(directory, 'ids', 'good.json'), unreachable)
    const { child, ended, said } = start(['proxy', 'a:1', '--identity-dir', 'ids'])
    await said('starting proxy interceptor')
    child.kill('SIGTERM')
    const { code, err } = await ended
    expect(err).toContain('bad.json')
    expect(code).toBe(0)
  })
})

describe('with a network', () => {
  let network: Network
  let server: Server
  beforeAll(async () => {
    server = createServer((request, response) => void response.end(`page ${request.url}`))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    network = await createNetwork()
    await network.createIdentity('client')
    const target = `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`
    network.createService('web', { dial: ['client', 'enrolled'], hostedBy: { router: 'router-1', target } })
  })
  afterAll(async () => {
    await network.close()
    server.closeAllConnections()
    server.close()
  })

  async function fetchThrough(argv: (port: number) => string[], path: string) {
    const [port = 0] = await findFreePorts('127.0.0.1', 1)
    const program = start(argv(port))
    await program.said('service is listening')
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
    return { ...program, text: await response.text() }
  }

  it('proxy carries a request to the server and stops in order', async () => {
    await writeFile(join(directory, 'client.json'), JSON.stringify(await network.identityJson('client')))
    const { child, ended, text } = await fetchThrough((port) => ['-i', 'client.json', 'proxy', `web:${port}`, '--bind', '127.0.0.1'], '/a')
    expect(text).toBe('page /a')
    child.kill('SIGINT')
    const { code, err } = await ended
    expect(code).toBe(0)
    expect(err).toMatch(/"msg":"logged in as client",.*"services":1/)
  })

  it('an identity that was just enrolled works, and its token is gone', async () => {
    const { enrollmentToken } = await network.createIdentity('enrolled')
    await writeFile(join(directory, 'new.jwt'), enrollmentToken)
    const enrolled = await run(['enroll', '--jwt', 'new.jwt', '--rm'])
    expect(enrolled).toMatchObject({ code: 0, err: expect.stringContaining('identity file written to: new.json') })
    expect(await readdir(directory)).toEqual(['new.json'])
    expect((await stat(join(directory, 'new.json'))).mode & 0o777).toBe(0o600)

    const { child, ended, text } = await fetchThrough((port) => ['proxy', `web:${port}`, '--identity', 'new.json'], '/b')
    expect(text).toBe('page /b')
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  })

  it('waits for a service that does not exist yet, and says so', async () => {
    await writeFile(join(directory, 'client.json'), JSON.stringify(await network.identityJson('client')))
    const [port = 0] = await findFreePorts('127.0.0.1', 1)
    const { child, ended, said } = start(['proxy', `later:${port}`, '-i', 'client.json', '--svcPollRate', '0.2'])
    await said('waiting')
    network.createService('later', { dial: ['client'] })
    await said('service is listening')
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  })

  it('an identity that the controller refuses ends it with 3 and the reason', async () => {
    await network.createIdentity('gone')
    await writeFile(join(directory, 'gone.json'), JSON.stringify(await network.identityJson('gone')))
    network.deleteIdentity('gone')
    const { code, err } = await run(['host', '-i', 'gone.json'])
    expect(code).toBe(3)
    expect(JSON.parse(err)).toMatchObject({ level: 'error', code: 'identity.refused', msg: expect.stringMatching(/^identity gone\.json: Controller \S+ refuses/) })
  })
})

describe('an old Node', () => {
  it.each(['20.20.2', '22.18.0'])('%s: one line, exit code 1', async (version) => {
    const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'${version}'}})`
    const child = spawn(process.execPath, ['--import', old, bin, 'version'])
    let err = ''
    child.stderr.on('data', (data) => (err += data))
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1)
    expect(err).toBe(`ziti-tunnel needs Node 22.19 or newer, and this is ${version}: install a newer Node.\n`)
  })
})

describe('demo', () => {
  it('--once shows everything and ends with 0', async () => {
    const { code, out, err } = await run(['demo', '--once'])
    expect(err).toBe('')
    expect(out).toMatch(/Hello from the other side!/)
    expect(out).toMatch(/100 % {2}100 MiB/)
    expect(out).toMatch(/SHA-256 .*equal at both ends/)
    expect(out).not.toContain('✗')
    expect(code).toBe(0)
  }, 30_000)

  it('stays until it is stopped', async () => {
    const { child, ended } = start(['demo'])
    await new Promise<void>((resolve) => child.stdout.on('data', (data) => String(data).includes('Ctrl-C') && resolve()))
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, out: expect.stringMatching(/\$ curl http:\/\/127\.0\.0\.1:\d+\/anything/) })
  }, 30_000)
})

describe('enroll', () => {
  it('refuses to overwrite before it uses the token', async () => {
    await writeFile(join(directory, 'a.jwt'), 'x')
    await writeFile(join(directory, 'a.json'), 'precious')
    const { code, err } = await run(['enroll', 'a.jwt'])
    expect(code).toBe(4)
    expect(err).toContain('a.json exists already')
  })

  it.each([
    ['a token that is not there', ['enroll', 'no.jwt'], 'no.jwt: no such file or directory'],
    ['a directory that is not there', ['enroll', 'bad.jwt', '-o', 'no/where.json'], 'no/where.json cannot be written'],
    ['text that is no token', ['enroll', 'bad.jwt'], ''],
  ])('%s: one line, exit code 4, nothing written', async (_, argv, says) => {
    await writeFile(join(directory, 'bad.jwt'), 'this is no token\n')
    const { code, err } = await run(argv)
    const errors = err.trimEnd().split('\n').map((line): { level: string; msg: string } => JSON.parse(line)).filter(({ level }) => level !== 'info')
    expect(errors).toEqual([expect.objectContaining({ level: 'error', msg: expect.stringContaining(says) })])
    expect(code).toBe(4)
    expect(await readdir(directory)).toEqual(['bad.jwt'])
  })
})
