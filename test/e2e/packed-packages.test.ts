import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetwork, type Network } from '@tunnel/devnet'
import { examplesIn, withoutAsterisks } from '../../tooling/src/readme-examples.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createExampleHost, exampleAddress, type ExampleHost } from '../support/netns/example-host.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { npmAnswers, packAll, publishable, root, withOwnDependencies, type PublishedPackage } from '../support/pack.ts'
import { createPackedProject, type PackedProject } from '../support/packed-project.ts'
import { freePort } from '../support/ports.ts'
import type { Running } from '../support/programs.ts'

/** What a user gets: every package as it would be published, in an empty project, by npm, with no script run. */
const hasRegistry = await npmAnswers()
if (!hasRegistry) console.warn('packed packages: skipped, since npm reaches no registry to install their dependencies from')

const folder = hasRegistry ? mkdtempSync(join(tmpdir(), 'ziti-tunnel-packed-')) : ''
const nodeTypes = `@types/node@${(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }).devDependencies['@types/node']}`
let tarballs: ReadonlyMap<string, string>
let network: Network
let echo: Server

beforeAll(async () => {
  if (!hasRegistry) return
  tarballs = await packAll(folder)
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  network = await createNetwork()
  await network.createIdentity('me')
  network.createService('echo', { encrypted: true, dial: ['me'], hostedBy: { target: `tcp:127.0.0.1:${echoPort()}` } })
}, 90_000)

afterAll(async () => {
  await network?.close()
  echo?.close()
  rmSync(folder, { recursive: true, force: true })
})

const echoPort = (): number => (echo.address() as AddressInfo).port

/** Examples name ports that a reader knows; a test takes free ones. */
const withPorts = (example: string, ports: Readonly<Record<number, number>>): string =>
  example.replaceAll(/\b\d{4,5}\b/g, (digits) => String(ports[Number(digits)] ?? digits))

/** Sends a text, ends, and gives what comes until the other end ends; nothing when there is no connection. */
const exchange = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('data', (chunk) => (answer += String(chunk))).on('error', () => resolve(''))
    socket.on('end', () => resolve(answer)).end(text)
  })

/** For the examples that listen on port 15432 and lead to 5432. */
async function relays(project: PackedProject, example: string, thenSays?: RegExp): Promise<void> {
  const port = await freePort()
  project.write('example.ts', withPorts(example, { 5432: echoPort(), 15432: port }))
  const running = project.startNode('example.ts')
  try {
    await expect.poll(() => exchange(port, 'select 1'), { timeout: 10_000 }).toBe('select 1')
    if (thenSays) await running.line(thenSays)
  } finally {
    await running.stop()
  }
}

async function prints(project: PackedProject, said: RegExp): Promise<void> {
  const { code, stdout, stderr } = await project.node('example.ts')
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(said), stderr: '' })
}

/** For the examples that change their host: here one in namespaces, which is as before when they end. */
async function onHost(project: PackedProject, use: (host: ExampleHost, example: Running) => Promise<void>): Promise<void> {
  const host = await createExampleHost()
  try {
    const running = host.startNode(project.folder, 'example.ts')
    await use(host, running)
    expect(await running.stop()).toBe(0)
    expect(await host.leftBehind()).toEqual([])
  } finally {
    await host.close()
  }
}

const callsSystem = new Set(['@tunnel/linux', '@tunnel/intercept-tproxy', '@tunnel/intercept-tun', 'ziti-tunnel'])
const needRoot = new Set(['@tunnel/linux', '@tunnel/intercept-tproxy', '@tunnel/intercept-tun'])

/** What the example of each README does. */
const examples: Readonly<Record<string, (project: PackedProject, example: string) => Promise<void>>> = {
  '@tunnel/flow': (project, example) => relays(project, example, /^closed: 8 bytes up, 8 bytes down$/),
  '@tunnel/intercept-proxy': (project, example) => relays(project, example),
  '@tunnel/config': (project) => prints(project, /^https:\/\/ctrl\.example:1280\/edge\/client\/v1\ndatabases\n$/),
  '@tunnel/dns': async (project, example) => {
    project.write('example.ts', withPorts(example, { 15353: await freePort() }))
    await prints(project, /^10\.0\.0\.5\nwiki\.apps\.lan 100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+\n$/)
  },
  '@tunnel/devnet': (project) => prints(project, /^https:\/\/127\.0\.0\.1:\d+\/edge\/client\/v1 is up\n$/),
  '@tunnel/core': async (project, example) => {
    project.write('example.ts', withPorts(example, { 14080: await freePort() }))
    await prints(project, /^hello from the server$/m)
  },
  '@tunnel/edge': async (project) => {
    project.write('ziti.json', JSON.stringify(network.identityJson('me')))
    await prints(project, /^hello\n$/)
  },
  '@tunnel/linux': (project) => onHost(project, async (host, running) => {
    await host.serve('far', 80, 'from afar')
    await expect.poll(() => host.must('ip', 'rule'), { timeout: 10_000 }).toContain('fwmark 0x1')
    expect(await host.curl('http://198.51.100.7/')).toBe('from afar')
    await running.line(new RegExp(`^${exampleAddress} to 198\\.51\\.100\\.7:80$`))
  }),
  '@tunnel/intercept-tproxy': (project) => onHost(project, async (host, running) => {
    await host.serve('loopback', 8080, 'of our choice')
    await running.line(/intercepting tcp 203\.0\.113\.80:80 for service 'web'/)
    expect(await host.curl('http://203.0.113.80/')).toBe('of our choice')
  }),
  '@tunnel/netstack': (project) => prints(project, /^hello\n$/),
  '@tunnel/intercept-tun': (project) => onHost(project, async (host, running) => {
    await host.serve('loopback', 8080, 'of our choice')
    await running.line(/applied: \[/)
    expect(await host.curl('http://203.0.113.80/')).toBe('of our choice')
  }),
  'ziti-tunnel': (project) => prints(project, new RegExp(publishable.get('ziti-tunnel')!.version.replaceAll('.', '\\.'))),
}

const installedText = (project: PackedProject, name: string, path: string): string => readFileSync(join(project.folder, 'node_modules', name, path), 'utf8')

/** The example of the module; its README shows the same. The README of a program has commands instead. */
const exampleOf = (project: PackedProject, name: string): string =>
  examplesIn(withoutAsterisks(installedText(project, name, 'dist/index.d.ts')))[0] ?? ''

/** Imports every entry. Gives for each `loads`, or the package that is missing. */
async function importAll(project: PackedProject, { name, exports }: PublishedPackage): Promise<Readonly<Record<string, string>>> {
  const entries = Object.keys(exports).map((path) => join(name, path))
  project.write('entries.ts', `
    const result: Record<string, string> = {}
    for (const entry of ${JSON.stringify(entries)}) {
      result[entry] = await import(entry).then(() => 'loads', (error) => /Cannot find package '([^']+)'/.exec(error.message)?.[1] ?? error.stack)
    }
    console.log(JSON.stringify(result))`)
  const { stdout, stderr } = await project.node('entries.ts')
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Record<string, string>
}

describe.skipIf(!hasRegistry).each([...publishable.values()])('packed packages: $name', (manifest) => {
  const { name } = manifest
  const project = createPackedProject(join(folder, name.replace('/', '-')))

  beforeAll(async () => {
    await project.install(nodeTypes, ...[...withOwnDependencies(name)].map((own) => tarballs.get(own) ?? own))
    project.write('example.ts', exampleOf(project, name))
  }, 60_000)

  it('has what it needs and nothing else', () => {
    const files = project.filesOf(name)
    const paths = files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']))
    expect(paths.filter((path) => !/^(dist|src)\/|^(LICENSE|README\.md|package\.json)$/.test(path))).toEqual(Object.values(manifest.bin).map((path) => path.slice(2)))
    expect(paths.filter((path) => /\.test\.|testdata|\/testing-host\/|\.tsbuildinfo$/.test(path))).toEqual([])
    if (!('./testing' in manifest.exports)) expect(paths.filter((path) => path.includes('/testing/'))).toEqual([])
    expect(files.filter(({ text }) => text.includes(root)).map(({ path }) => path)).toEqual([])
    expect(files.find(({ path }) => path === 'LICENSE')?.text).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'))
  })

  // koffi has a script that looks for a prebuilt file. None was run here, and what needs koffi works: see the examples.
  it('needs no install script, and system calls only where the host is changed', () => {
    const { packages } = JSON.parse(readFileSync(join(project.folder, 'node_modules/.package-lock.json'), 'utf8')) as { packages: Record<string, { hasInstallScript?: boolean }> }
    const paths = Object.keys(packages)
    expect(paths).toContain(`node_modules/${name}`)
    const koffi = callsSystem.has(name) ? ['node_modules/koffi'] : []
    expect(paths.filter((path) => /\/(koffi|netlink)$/.test(path))).toEqual(koffi)
    expect(paths.filter((path) => packages[path]?.hasInstallScript)).toEqual(koffi)
  })

  // Optional peers are missing at first: only the entries that need one may ask for it.
  it('loads by every entry, with types for a strict compiler', async () => {
    const { peers } = manifest
    const bare = await importAll(project, manifest)
    expect(bare[name]).toBe('loads')
    expect(['loads', ...peers]).toEqual(expect.arrayContaining(Object.values(bare)))
    for (const peer of peers) project.link(peer, join(root, manifest.folder, 'node_modules', peer))
    const loaded = await importAll(project, manifest)
    const entries = Object.keys(loaded)
    expect(loaded).toEqual(Object.fromEntries(entries.map((entry) => [entry, 'loads'])))
    project.write('entries.ts', entries.map((entry, index) => `export type * as entry${index} from '${entry}'`).join('\n'))
    expect(await project.typeErrors('entries.ts', 'example.ts')).toBe('')
  })

  it('shows its example', () => {
    const example = exampleOf(project, name)
    expect(example).toContain(`'${name}'`)
    if (Object.keys(manifest.bin).length === 0) expect(examplesIn(installedText(project, name, 'README.md'))[0]).toBe(example)
  })

  it.skipIf(!hasNamespaces && needRoot.has(name))('runs its example', () => examples[name]!(project, exampleOf(project, name)))

  if (name === '@tunnel/edge') it('encrypts by wasm where sodium-native has no prebuilt (musl)', async () => {
    const chosen = `import { loadCrypto } from '@tunnel/edge/wire'\nconsole.log((await loadCrypto()).implementation)`
    project.write('chosen.ts', chosen)
    expect((await project.node('chosen.ts')).stdout).toBe('native\n')
    project.remove('node_modules/sodium-native/prebuilds')
    expect((await project.node('chosen.ts')).stdout).toBe('wasm\n')
    await examples[name]!(project, exampleOf(project, name))
  })

  if (name === 'ziti-tunnel') it('is a program', async () => {
    expect(await project.run('npx', '--no-install', 'ziti-tunnel', 'version')).toMatchObject({ code: 0, stdout: expect.stringContaining(manifest.version) })
    expect(await project.run('npx', '--no-install', 'ziti-tunnel', '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('proxy') })
    expect(await project.run('npx', '--no-install', 'ziti-tunnel', 'tproxy', '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--firewall') })
    expect(await project.run('npx', '--no-install', 'ziti-tunnel', 'demo', '--once')).toMatchObject({ code: 0, stdout: expect.stringContaining('equal at both ends') })
  })
})
