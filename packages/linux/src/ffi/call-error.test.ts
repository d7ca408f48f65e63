import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { callError } from './call-error.ts'

describe('an error of a call', () => {
  it('says what, why and what to do', () => {
    expect(callError('mark a socket', 'setsockopt', 1)).toMatchObject({
      code: 'linux.permission',
      message: 'Cannot mark a socket: operation not permitted (setsockopt: EPERM). Run as root, or grant CAP_NET_ADMIN',
      detail: { call: 'setsockopt', errno: 'EPERM' },
    })
    expect(callError('add a route', 'netlink', 22, 'Invalid prefix length')).toMatchObject({
      code: 'linux.call-failed',
      message: 'Cannot add a route: invalid argument, Invalid prefix length (netlink: EINVAL)',
      detail: { kernel: 'Invalid prefix length' },
    })
    expect([17, 98, 3, 19, 95, 92].map((number) => callError('', '', number).code)).toEqual([
      ...['linux.exists', 'linux.exists', 'linux.missing', 'linux.missing', 'linux.unsupported', 'linux.unsupported'],
    ])
    expect(callError('do it', 'call', 4242).code).toBe('linux.call-failed')
  })
})

// The calls of a user without capabilities: another process, of another user.
describe.skipIf(noNetwork)('without privilege', () => {
  const source = (path: string): string => new URL(path, import.meta.url).href

  it('everything that needs one says which, and reading works', () => {
    const script = `
      import { openRouteControl } from '${source('../netlink/route-control.ts')}'
      import { openTransparentListener } from '${source('../sockets/transparent-listener.ts')}'
      import { connectMarked } from '${source('../sockets/marked-connection.ts')}'
      import { openUdpSocket } from '${source('../sockets/udp-socket.ts')}'
      // Everything is loaded, then the privilege goes.
      openUdpSocket({ address: '127.0.0.1' }).close()
      process.setgroups([]); process.setgid(65534); process.setuid(65534)
      const control = openRouteControl()
      const attempts = [
        () => control.addRoutes([{ family: 4, destination: '10.0.0.0/8', type: 'local', device: 'lo', table: 7 }]),
        () => control.addRule({ family: 4, priority: 1, table: 7 }),
        () => openTransparentListener({ address: '127.0.0.1' }),
        () => openUdpSocket({ address: '127.0.0.1', mark: 1 }),
        () => connectMarked({ host: '127.0.0.1', port: 9, mark: 1 }),
        () => openUdpSocket({ address: '127.0.0.1' }).close(),
        () => control.links().find(({ name }) => name === 'lo') && undefined,
      ]
      for (const attempt of attempts) {
        try { await attempt(); console.log('done') } catch (error) { console.log(error.code, error.message) }
      }`
    const flags = ['-n', process.execPath, '--conditions=tunnel-source', '--input-type=module', '-e', script]
    const { stdout, stderr } = spawnSync('unshare', flags, { encoding: 'utf8', cwd: new URL('.', import.meta.url) })
    const remedy = 'Run as root, or grant CAP_NET_ADMIN'
    expect({ stderr, said: stdout.trim().split('\n') }).toEqual({
      stderr: '',
      said: [
        `linux.permission Cannot add the route local 10.0.0.0/8 dev lo table 7: operation not permitted (netlink: EPERM). ${remedy}`,
        `linux.permission Cannot add the rule pref 1 lookup 7: operation not permitted (netlink: EPERM). ${remedy}`,
        `linux.permission Cannot open a transparent listener on 127.0.0.1:0: operation not permitted (setsockopt: EPERM). ${remedy}`,
        `linux.permission Cannot mark a socket: operation not permitted (setsockopt: EPERM). ${remedy}`,
        `linux.permission Cannot mark a socket: operation not permitted (setsockopt: EPERM). ${remedy}`,
        'done',
        'done',
      ],
    })
  })
})
