import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNetwork } from '@tunnel/devnet'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

// The whole program in a process of its own, from sources: what a user sees.
const main = fileURLToPath(new URL('main.ts', import.meta.url))

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
    const { child, ended, said } = start(['run', '--identity-dir', 'ids'])
    await said('transparent interception is not available in this version; serving proxy.v1 listeners and hosting')
    child.kill('SIGTERM')
    const { code, err } = await ended
    expect(err).toContain('bad.json')
    expect(code).toBe(0)
  })
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
