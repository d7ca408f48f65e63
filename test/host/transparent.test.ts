import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNamespaces, type Namespace } from '../support/netns/namespace.ts'
import { createWorld, worldAddresses, type World } from '../support/netns/world.ts'
import type { Running } from '../support/programs.ts'
import { scratchFolder } from '../support/real-servers.ts'
import { scaled } from '../support/scale.ts'

/**
 * Ordinary programs on a host with a tunneler, and on a neighbour that routes through it: no option, proxy setting or
 * library of theirs knows about the overlay. Once for each firewall.
 */
describe.skipIf(!hasNamespaces).each(['nftables', 'iptables'])('with %s, programs reach services', (firewall) => {
  let world: World
  let tunneler: Running
  let ssh: { port: number; clientOptions: readonly string[] }

  beforeAll(async () => {
    world = await createWorld()
    const { far } = world
    await far.call('echo', 7)
    await far.call('dns', { 'upstream.test': { A: ['10.55.0.1'], TXT: ['from upstream'] }, 'ns.test': { A: ['10.9.9.9'] } })
    const web = `tcp:127.0.0.1:${(await far.call('web')).port}`
    ssh = await far.call('ssh')
    const database = `tcp:127.0.0.1:${(await far.call('postgres')).port}`
    await world.service('web', { addresses: ['web.ziti', '10.200.0.80', 'fd77::80'], ports: [80, [8000, 8100]] }, web)
    await world.service('other port of the same name', { addresses: ['web.ziti', '10.200.0.80'], ports: [7], protocols: ['tcp'] }, 'tcp:127.0.0.1:7')
    await world.service('apps', { addresses: ['*.apps.ziti'], ports: [80] }, web)
    await world.service('range', { addresses: ['10.201.0.0/16', 'fd78::/64'], ports: [[1, 65535]] }, 'tcp:127.0.0.1:7')
    await world.service('ssh', { addresses: ['ssh.ziti'], ports: [22] }, `tcp:127.0.0.1:${ssh.port}`)
    await world.service('database', { addresses: ['db.ziti'], ports: [5432] }, database)
    await world.service('echo', { addresses: ['echo.ziti', '10.202.0.7', 'fd79::7'], ports: [7], protocols: ['udp'] }, 'udp:127.0.0.1:7')
    await world.service('names', { addresses: ['ns.ziti', '10.202.0.53'], ports: [53], protocols: ['udp'] }, 'udp:127.0.0.1:53')
    await world.service('names by tcp', { addresses: ['ns.ziti', '10.202.0.53'], ports: [53] }, 'tcp:127.0.0.1:53')
    await world.service('everything', { addresses: ['0.0.0.0/1'], ports: [4444] }, web)
    await far.call('service', 'legacy', {
      dial: ['me'], hostedBy: { target: web }, configs: { 'ziti-tunneler-client.v1': { hostname: 'legacy.ziti', port: 8080 } },
    })
    tunneler = world.tunneler('run', world.identity, '--firewall', firewall, '--configure-resolver')
    await tunneler.line(/using tproxy interceptor/)
    await expectBody(world.host, 'http://web.ziti/hello', 15)
  }, 60_000)
  afterAll(async () => {
    await tunneler?.stop()
    await world?.close()
  })

  /** `curl` asks until the service is there, as services arrive one by one after the log-in. */
  async function expectBody(where: Namespace, url: string, seconds = 1): Promise<void> {
    const patience = seconds > 1 ? ['--retry', String(seconds * 2), '--retry-delay', '0', '--retry-all-errors', '--retry-max-time', String(seconds)] : []
    const { code, stdout, stderr } = await where.run('curl', ['-sS', '-g', '--max-time', '10', ...patience, url])
    expect({ code, stdout, stderr: seconds > 1 ? '' : stderr }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^GET \/hello /), stderr: '' })
  }

  it.each(['web.ziti', 'web.ziti:8042', '10.200.0.80', '10.200.0.80:8100', '[fd77::80]', 'one.apps.ziti', 'a.b.apps.ziti', 'legacy.ziti:8080', '99.1.2.3:4444'])(
    'curl http://%s', (place) => expectBody(world.host, `http://${place}/hello`))

  it('over IPv4 and over IPv6, by the same name', async () => {
    for (const family of ['-4', '-6']) {
      const { code, stdout } = await world.host.run('curl', ['-sS', family, 'http://web.ziti/hello'])
      expect([family, code, stdout.slice(0, 10)]).toEqual([family, 0, 'GET /hello'])
    }
  })

  it('with equal bytes for a download and an upload', async () => {
    const size = scaled(1 << 30, 64 << 20)
    const hash = (await world.host.must('curl', '-sS', `http://web.ziti/hash/${size}`)).trim()
    expect((await world.host.must('sh', '-c', `curl -sS http://web.ziti/bytes/${size} | sha256sum`)).split(' ')[0]).toBe(hash)
    const file = join(scratchFolder('upload'), 'upload')
    writeFileSync(file, randomBytes(8 << 20))
    const sent = (await world.host.must('sha256sum', file)).split(' ')[0]
    expect(await world.host.must('curl', '-sS', '--data-binary', `@${file}`, 'http://web.ziti/up')).toContain(sent)
  }, 60_000)

  it('ssh, with a command and its exit code', async () => {
    const { code, stdout } = await world.host.run('ssh', [...ssh.clientOptions, 'root@ssh.ziti', 'echo over ssh; exit 7'])
    expect({ code, stdout }).toEqual({ code: 7, stdout: 'over ssh\n' })
  })

  it('psql', async () => {
    expect(await world.host.must('psql', '-h', 'db.ziti', '-U', 'postgres', '-Atc', 'select 6 * 7')).toBe('42\n')
  })

  it.each(['+notcp', '+tcp'])('dig, asking a name server of the overlay: %s', async (transport) => {
    for (const server of ['10.202.0.53', 'ns.ziti']) {
      expect(await world.host.must('dig', transport, '+short', '+tries=2', '+time=3', `@${server}`, 'ns.test', 'A')).toBe('10.9.9.9\n')
    }
  })

  it.each(['10.202.0.7', 'fd79::7', 'echo.ziti'])('UDP to %s, answered from the address that was asked', async (address) => {
    const target = address.includes(':') ? `UDP6:[${address}]:7` : `UDP4:${address}:7`
    // A connected socket takes answers from nobody else.
    const { stdout } = await world.host.run('socat', ['-t', '1', '-', target], { input: 'datagram' })
    expect(stdout).toBe('datagram')
  })

  it('a CIDR with every port, also when client and tunneler share the host', async () => {
    for (const [address, family] of [['10.201.7.7', 'TCP4'], ['[fd78::1:2]', 'TCP6']]) {
      const { stdout } = await world.host.run('socat', ['-t', '3', '-', `${family}:${address}:40123`], { input: 'to any port' })
      expect(stdout).toBe('to any port')
    }
  })

  it('several services on one address and one name, by port', async () => {
    for (const place of ['web.ziti', '10.200.0.80']) {
      expect((await world.host.run('socat', ['-t', '3', '-', `TCP4:${place}:7`], { input: 'echoed' })).stdout).toBe('echoed')
    }
  })

  it('from the neighbour, whose packets are forwarded', async () => {
    await expectBody(world.lan, 'http://10.200.0.80/hello')
    await expectBody(world.lan, 'http://[fd77::80]/hello')
    expect((await world.lan.run('socat', ['-t', '1', '-', 'UDP4:10.202.0.7:7'], { input: 'lan' })).stdout).toBe('lan')
    expect((await world.lan.run('socat', ['-t', '3', '-', 'TCP4:10.201.3.4:50000'], { input: 'lan range' })).stdout).toBe('lan range')
  })

  it('and names that are not of the overlay are answered by the servers that were there before', async () => {
    expect(await world.host.must('getent', 'ahostsv4', 'upstream.test')).toContain('10.55.0.1')
    expect(await world.host.must('dig', '+short', 'upstream.test', 'TXT')).toBe('"from upstream"\n')
    expect(await world.host.must('dig', '+noall', '+comments', 'nothing.test')).toMatch(/status: (NXDOMAIN|REFUSED)/)
  })

  it('while what no service names goes its own way', async () => {
    const server = world.farSpace.start('socat', ['-u', 'TCP4-LISTEN:9999,fork,reuseaddr', 'OPEN:/dev/null'], {})
    try {
      await expect.poll(async () => (await world.host.run('socat', ['-u', '-', `TCP4:${worldAddresses.far}:9999`], { input: 'x' })).code).toBe(0)
      const { code, stderr } = await world.host.run('curl', ['-sS', '--max-time', '5', 'http://web.ziti:81/'])
      expect([code, stderr]).toEqual([7, expect.stringMatching(/refused|Failed to connect/)])
    } finally {
      server.signal('SIGKILL')
    }
  })

  it('and a service whose server is down resets the connection at once', async () => {
    await world.service('down', { addresses: ['down.ziti'], ports: [80] }, 'tcp:127.0.0.1:1')
    await expect.poll(() => world.host.run('getent', ['hosts', 'down.ziti']), { timeout: 25_000, interval: 200 }).toMatchObject({ code: 0 })
    const started = Date.now()
    const { code } = await world.host.run('curl', ['-sS', '--max-time', '10', 'http://down.ziti/'])
    expect([7, 52, 56]).toContain(code)
    expect(Date.now() - started).toBeLessThan(3_000)
  }, 30_000)
})

