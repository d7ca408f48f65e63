import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../session.ts'
import type { InstanceStatus } from './instance-status.ts'
import { formatDuration, renderStatus } from './render-status.ts'
import { showStatus } from './show-status.ts'
import { askStatus } from './status-client.ts'
import { statusDirectoryOf } from './status-directory.ts'
import { openServer } from './status-server.ts'

const status: InstanceStatus = {
  pid: 4711,
  version: '0.1.0',
  command: 'run',
  uptime: 3_725,
  interceptor: 'tproxy',
  slot: 0,
  dns: { addresses: ['udp://127.0.0.1:53'], names: 2, ranges: ['100.64.0.0/10'], upstreams: [], resolver: 'plain, by the file itself', questions: 1, answers: 1 },
  state: 'running',
  identities: [{ id: 'x', name: 'laptop', services: 3 }],
  listeners: [{ service: 'ssh', protocol: 'tcp', address: '127.0.0.1', port: 2222 }],
  intercepts: [
    { service: 'wttr.in', protocols: ['tcp'], addresses: ['wttr.in'], ports: ['80', '443'] },
    { service: 'bad\u001b[2Jname', protocols: ['tcp', 'udp'], addresses: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.1.0.0/16', '*.ziti'], ports: ['1-1024'] },
  ],
  waiting: [],
  failed: { db: 'no address' },
  hosted: [],
  flows: [{ id: 'f1', direction: 'dial', protocol: 'tcp', service: 'wttr.in', from: { address: '127.0.0.1', port: 999 }, state: 'open', up: 1, down: 2, requestedAgo: 5_000, openedAgo: 4_000 }],
  counters: { 'dials.succeeded': 7, 'dials.abandoned': 0 },
}

let directory: string
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'status-'))))
afterEach(() => rm(directory, { recursive: true }))

const sessionIn = (stateDirectory: string, out: string[] = []): Session =>
  ({
    options: { intercept: { stateDirectory } },
    terminal: { stdout: { write: (text: string) => out.push(text) }, environment: {} },
  }) as unknown as Session

describe('the socket', () => {
  it('is closed to others, and answers whoever connects', async () => {
    const place = join(directory, 'run')
    const server = await openServer(place, () => status, 4711)
    expect((await stat(place)).mode & 0o777).toBe(0o700)
    expect((await stat(join(place, '4711.sock'))).mode & 0o777).toBe(0o600)
    expect(await askStatus(join(place, '4711.sock'))).toEqual(status)
    await new Promise((resolve) => server.close(resolve))
    expect(await readdir(place)).toEqual([])
  })

  it('closes a directory that others could enter', async () => {
    await chmod(directory, 0o755)
    const server = await openServer(directory, () => status)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    server.close()
  })

  it('takes the place of a dead one, and another place beside a living one', async () => {
    const first = await openServer(directory, () => status, 7)
    const second = await openServer(directory, () => ({ ...status, pid: 8 }), 7)
    expect((await readdir(directory)).toSorted()).toEqual(['7-2.sock', '7.sock'])
    first.close()
    second.close()
  })

  it('does not wait for those who do not read', async () => {
    const server = await openServer(directory, () => status, 7)
    const socket = connect(join(directory, '7.sock'))
    await new Promise((resolve) => socket.once('connect', resolve))
    expect(await askStatus(join(directory, '7.sock'))).toEqual(status)
    socket.destroy()
    server.close()
  })

  it('knows nobody from somebody who says nonsense', async () => {
    expect(await askStatus(join(directory, 'none.sock'))).toBe('gone')
    const server = await openServer(directory, () => ({ nonsense: true }) as unknown as InstanceStatus, 7)
    expect(await askStatus(join(directory, '7.sock'))).toBe('silent')
    server.close()
  })
})

describe('status', () => {
  it('shows every program that runs, for people or as JSON', async () => {
    const state = join(directory, 'state')
    const servers = await Promise.all([openServer(join(state, 'status'), () => ({ ...status, pid: 12 }), 12), openServer(join(state, 'status'), () => ({ ...status, pid: 11 }), 11)])
    const out: string[] = []
    expect(await showStatus(sessionIn(state, out), { json: false })).toBe(0)
    expect(await showStatus(sessionIn(state, out), { json: true })).toBe(0)
    expect(out[0]).toMatch(/pid 11,[^]*pid 12,/)
    expect((JSON.parse(out[1]!) as InstanceStatus[]).map(({ pid }) => pid)).toEqual([11, 12])
    for (const server of servers) server.close()
  })

  it('says when none runs', async () => {
    await expect(showStatus(sessionIn(directory), { json: false })).rejects.toThrow(/no ziti-tunnel of this user is running/)
  })

  it('is kept beside the state, for root below /run, for users in their own place', () => {
    const session = (stateDirectory: string, environment: object) => ({ options: { intercept: { stateDirectory } }, terminal: { environment } }) as unknown as Session
    const standard = '/var/lib/ziti-tunnel'
    expect(statusDirectoryOf(session('/srv/state', {}), 0)).toBe('/srv/state/status')
    expect(statusDirectoryOf(session(standard, {}), 0)).toBe('/run/ziti-tunnel')
    expect(statusDirectoryOf(session(standard, { XDG_RUNTIME_DIR: '/run/user/1000' }), 1000)).toBe('/run/user/1000/ziti-tunnel')
    expect(statusDirectoryOf(session(standard, {}), 1000, '/nowhere')).toBe('/nowhere/ziti-tunnel-1000')
  })

  it('is kept in a temporary folder only where that is the own one', async () => {
    const session = { options: { intercept: { stateDirectory: '/var/lib/ziti-tunnel' } }, terminal: { environment: {} } } as unknown as Session
    const uid = (await stat(directory)).uid + 1
    await mkdir(join(directory, `ziti-tunnel-${uid}`))
    expect(statusDirectoryOf(session, uid, directory)).toBeUndefined()
    await mkdir(join(directory, `ziti-tunnel-${uid - 1}`))
    expect(statusDirectoryOf(session, uid - 1, directory)).toBe(uid === 1 ? '/run/ziti-tunnel' : join(directory, `ziti-tunnel-${uid - 1}`))
  })
})

it('renderStatus shows what matters on one screen', () => {
  expect(renderStatus(status).split('\n')).toEqual([
    'ziti-tunnel 0.1.0 run, pid 4711, running for 1h 2m, tproxy',
    '  identities  laptop: 3 services',
    '  intercepts  wttr.in on tcp wttr.in port 80, 443',
    '              bad\\u001b[2Jname on tcp and udp 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 2 more port 1-1024',
    '  listeners   ssh on tcp 127.0.0.1:2222',
    '  failed      db: no address',
    '  dns         udp://127.0.0.1:53: 2 names out of 100.64.0.0/10',
    '              1 question, 1 answer',
    '              upstreams: none',
    '              resolver of this host: plain, by the file itself',
    '  flows       wttr.in tcp from 127.0.0.1:999, open for 4s, 1 up, 2 down',
    '  counters    dials.succeeded 7',
    '',
  ])
  const many = renderStatus({ ...status, intercepts: Array.from({ length: 30 }, (_, index) => ({ service: `s${index}`, protocols: ['tcp'], addresses: ['a'], ports: ['1'] })) })
  expect(many).toContain('              and 11 more\n')
  expect(renderStatus({ ...status, command: 'tproxy' })).toMatch(/^ziti-tunnel 0.1.0 tproxy, pid 4711, running for 1h 2m\n/)
})

it('formatDuration', () => {
  expect([0, 59, 60, 3_600, 90_061].map(formatDuration)).toEqual(['0s', '59s', '1m', '1h', '1d 1h'])
})
