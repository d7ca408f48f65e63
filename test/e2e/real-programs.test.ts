import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNetwork, type Network } from '@tunnel/devnet'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/ports.ts'
import { hasProgram, run, type Running } from '../support/programs.ts'
import {
  scratchFolder, startIperfServer, startPostgres, startRsyncServer, startSshServer, startWebServer, type RealServer, type SshServer,
} from '../support/real-servers.ts'
import { startTunneler } from '../support/tunneler.ts'

/** Every program talks to a real server through: tunneler (proxy) - devnet - tunneler (host). Encrypted end to end. */
const folder = scratchFolder('programs')
const shared = join(folder, 'shared')
mkdirSync(shared)

let network: Network
let host: Running
let proxy: Running
const servers: Record<string, RealServer> = {}
const ports: Record<string, number> = {}
const tunnelled = (name: string): number => ports[name] ?? 0

const starters: Record<string, { needs: string; start: () => Promise<RealServer> }> = {
  web: { needs: 'curl', start: startWebServer },
  ssh: { needs: '/usr/sbin/sshd', start: startSshServer },
  rsync: { needs: 'rsync', start: () => startRsyncServer(shared) },
  sql: { needs: 'psql', start: startPostgres },
  iperf: { needs: 'iperf3', start: startIperfServer },
}
const available = Object.fromEntries(Object.entries(starters).map(([name, { needs }]) => [name, hasProgram(needs)]))

beforeAll(async () => {
  network = await createNetwork()
  await network.createIdentity('laptop')
  await network.createIdentity('server')
  for (const [name, { start }] of Object.entries(starters)) {
    if (!available[name]) continue
    const server = await start()
    servers[name] = server
    ports[name] = await freePort()
    await network.createService(name, {
      dial: ['laptop'], bind: ['server'],
      configs: { 'host.v1': { protocol: 'tcp', address: '127.0.0.1', port: server.port } },
    })
  }
  const identity = (name: string): string => {
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(network.identityJson(name)))
    return file
  }
  host = startTunneler('host', '-i', identity('server'))
  proxy = startTunneler('--identity', identity('laptop'), 'proxy', ...Object.entries(ports).map(([name, port]) => `${name}:${port}`))
  for (const name of Object.keys(ports)) await proxy.line(new RegExp(`service is listening.*\\b${name}\\b|\\b${name}\\b.*service is listening`))
  // The host's log says when a terminator stands; a client just tries.
  await vi.waitFor(async () => expect((await run('curl', ['-sf', `http://127.0.0.1:${tunnelled('web')}/ready`])).code).toBe(0), { timeout: 15_000, interval: 100 })
}, 60_000)

afterAll(async () => {
  expect(await proxy?.stop()).toBe(0)
  expect(await host?.stop()).toBe(0)
  for (const server of Object.values(servers)) await server.stop()
  await network?.close()
}, 60_000)

describe.skipIf(!available['web'])('curl', () => {
  const url = (path: string): string => `http://127.0.0.1:${tunnelled('web')}${path}`

  it('gets and posts', async () => {
    const body = randomBytes(300_000)
    const file = join(folder, 'body')
    writeFileSync(file, body)
    const { stdout } = await run('curl', ['-sf', '--data-binary', `@${file}`, url('/form')])
    expect(stdout).toBe(`POST /form ${createHash('sha256').update(body).digest('hex')}\n`)
  })

  it('has 20 requests at once answered, each with its own', async () => {
    const paths = Array.from({ length: 20 }, (_, index) => `/page-${index}`)
    const answers = await Promise.all(paths.map((path) => run('curl', ['-sf', url(path)])))
    expect(answers.map(({ stdout }) => stdout.split(' ')[1])).toEqual(paths)
  })

  it('gets 1 GiB with an equal hash', async () => {
    const bytes = 2 ** 30
    const [got, { stdout: wanted }] = await Promise.all([
      run('sh', ['-c', `curl -sf ${url(`/bytes/${bytes}`)} | sha256sum`], { seconds: 110 }),
      run('curl', ['-sf', `http://127.0.0.1:${servers['web']?.port}/hash/${bytes}`]),
    ])
    expect(got.stdout.split(' ')[0]).toBe(wanted)
  }, 120_000)
})

describe.skipIf(!available['ssh'])('ssh', () => {
  const options = (): readonly string[] => (servers['ssh'] as SshServer).clientOptions

  it('runs a command, with its input, output and exit code', async () => {
    const { stdout, code } = await run('ssh', [...options(), '-p', String(tunnelled('ssh')), 'root@127.0.0.1', 'cat; exit 7'], { input: 'through the overlay' })
    expect({ stdout, code }).toEqual({ stdout: 'through the overlay', code: 7 })
  })

  it('scp brings a file there and back', async () => {
    const data = randomBytes(5_000_000)
    const [here, there, back] = ['here', 'there', 'back'].map((name) => join(folder, name)) as [string, string, string]
    writeFileSync(here, data)
    const scp = (from: string, to: string) => run('scp', [...options(), '-q', '-P', String(tunnelled('ssh')), from, to])
    expect(await scp(here, `root@127.0.0.1:${there}`)).toMatchObject({ code: 0 })
    expect(await scp(`root@127.0.0.1:${there}`, back)).toMatchObject({ code: 0 })
    expect(readFileSync(back).equals(data)).toBe(true)
  })
})

describe.skipIf(!available['rsync'])('rsync', () => {
  it('sends a tree and gets it back', async () => {
    const tree = join(folder, 'tree')
    mkdirSync(join(tree, 'deep/er'), { recursive: true })
    for (let index = 0; index < 40; index += 1) writeFileSync(join(tree, index % 2 ? 'deep' : 'deep/er', `file-${index}`), randomBytes(index * 3000))
    const module = `rsync://127.0.0.1:${tunnelled('rsync')}/files/`
    expect(await run('rsync', ['-a', `${tree}/`, module])).toMatchObject({ code: 0 })
    expect(await run('rsync', ['-a', module, join(folder, 'copy/')])).toMatchObject({ code: 0 })
    expect(await run('diff', ['-r', tree, join(folder, 'copy')])).toMatchObject({ code: 0, stdout: '' })
  })
})

describe.skipIf(!available['sql'])('psql', () => {
  const sql = (text: string, input?: string) =>
    run('psql', ['-h', '127.0.0.1', '-p', String(tunnelled('sql')), '-U', 'postgres', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text], input === undefined ? {} : { input })

  it('asks and is answered', async () => {
    expect((await sql('select sum(n) from generate_series(1, 100000) n')).stdout.trim()).toBe('5000050000')
  })

  it('copies 100,000 rows in and counts them', async () => {
    await sql('create table rows (n int, t text)')
    const rows = Array.from({ length: 100_000 }, (_, index) => `${index}\trow number ${index}`).join('\n')
    expect(await sql('copy rows from stdin', `${rows}\n`)).toMatchObject({ code: 0 })
    expect((await sql('select count(*), max(t) from rows')).stdout.trim()).toBe('100000|row number 99999')
  })
})

describe.skipIf(!available['iperf'])('iperf3', () => {
  it.each([['up', []], ['down', ['-R']], ['four at once', ['-P', '4']]])('moves data: %s', async (_, words) => {
    const bytes = 256 * 2 ** 20
    const { stdout, code } = await run('iperf3', ['-c', '127.0.0.1', '-p', String(tunnelled('iperf')), '-n', String(bytes), '-J', ...words])
    expect(code).toBe(0)
    const { end } = JSON.parse(stdout) as { end: { sum_sent: { bytes: number }; sum_received: { bytes: number } } }
    expect(end.sum_sent.bytes).toBeGreaterThanOrEqual(bytes)
    // The server stops counting when the client says that it is done. What is on its way then is not lost: it lies in
    // the kernel's buffers of three sockets for each stream, some 12 MiB each as measured.
    expect(end.sum_received.bytes).toBeGreaterThan(bytes / 2)
  })
})
