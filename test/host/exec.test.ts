import { chownSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { createWorld, worldAddresses, type World } from '../support/netns/world.ts'
import type { Finished, Running } from '../support/programs.ts'
import { scratchFolder } from '../support/real-servers.ts'

/** `nobody`: no root, no capability, no entry of its own anywhere. */
const user = 65_534
const asUser = ['--reuid', String(user), '--regid', String(user), '--clear-groups', '--']

describe.skipIf(!hasNamespaces)('exec, as a user without privilege', () => {
  let world: World
  let identity: string
  let sshOptions: string[]
  let before: string
  const servers: Running[] = []
  const direct = { web: 8080, ssh: 2222, database: 5432 }

  beforeAll(async () => {
    world = await createWorld({ resolvConf: `search corp.test\nnameserver ${worldAddresses.far}\n` })
    const { far, farSpace, host } = world
    // As ordinary systems have it.
    await host.must('sh', '-c', 'mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200')
    await far.call('echo', 7)
    await far.call('dns', { 'direct.test': { A: [worldAddresses.far] }, 'upstream.test': { A: ['10.9.9.9'], TXT: ['from upstream'] } })
    const ports = { web: (await far.call('web')).port ?? 0, database: (await far.call('postgres')).port ?? 0 }
    const ssh = await far.call('ssh')
    await world.service('web', { addresses: ['web.ziti', '10.200.0.80', 'fd77::80'], ports: [80] }, `tcp:127.0.0.1:${ports.web}`)
    await world.service('apps', { addresses: ['*.apps.ziti'], ports: [80] }, `tcp:127.0.0.1:${ports.web}`)
    await world.service('ssh', { addresses: ['ssh.ziti'], ports: [22] }, `tcp:127.0.0.1:${ssh.port}`)
    await world.service('database', { addresses: ['db.ziti'], ports: [5432] }, `tcp:127.0.0.1:${ports.database}`)
    await world.service('echo', { addresses: ['echo.ziti'], ports: [7], protocols: ['udp'] }, 'udp:127.0.0.1:7')
    await world.service('down', { addresses: ['down.ziti'], ports: [80] }, 'tcp:127.0.0.1:1')
    // The same servers, for who goes to them without the overlay.
    for (const [name, port] of [['web', ports.web], ['ssh', ssh.port], ['database', ports.database]] as const) {
      servers.push(farSpace.start('socat', [`TCP-LISTEN:${direct[name]},bind=${worldAddresses.far},fork,reuseaddr`, `TCP:127.0.0.1:${port}`]))
    }
    servers.push(farSpace.start('socat', [`UDP4-RECVFROM:7,bind=${worldAddresses.far},fork`, 'EXEC:cat']))
    identity = ownCopy(world.identity, 'me.json')
    const key = ssh.clientOptions[ssh.clientOptions.indexOf('-i') + 1] ?? ''
    sshOptions = ssh.clientOptions.map((word) => (word === key ? ownCopy(key, 'key') : word))
    before = await dumpHost(host)
  }, 60_000)
  afterAll(async () => {
    for (const server of servers) server.signal('SIGKILL')
    await world?.close()
  })

  function ownCopy(file: string, name: string): string {
    const folder = scratchFolder('exec')
    const copy = join(folder, name)
    copyFileSync(file, copy)
    for (const path of [folder, copy]) chownSync(path, user, user)
    return copy
  }

  const line = (...words: readonly string[]): string[] => [...asUser, ...world.program, 'exec', '-i', identity, ...words]
  const exec = (words: readonly string[], options?: { input: string }): Promise<Finished> => world.host.run('setpriv', line(...words), options)
  const start = (...words: readonly string[]): Running => world.host.start('setpriv', line(...words))
  const shell = (script: string, ...options: readonly string[]): Promise<Finished> => exec([...options, '--', 'sh', '-c', script])
  const said = async (...words: readonly string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await exec(['--', ...words])
    return { code, stdout, stderr }
  }

  describe('reaches services', () => {
    it.each(['web.ziti', '10.200.0.80', '[fd77::80]', 'one.apps.ziti'])('curl http://%s', async (place) => {
      expect(await said('curl', '-sS', '-g', '-m', '10', `http://${place}/hello`)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^GET \/hello /), stderr: '' })
    })

    it('psql', async () => {
      expect(await said('psql', '-h', 'db.ziti', '-U', 'postgres', '-Atc', 'select 6 * 7')).toEqual({ code: 0, stdout: '42\n', stderr: '' })
    })

    it('ssh, with its exit code', async () => {
      expect(await said('ssh', ...sshOptions, 'root@ssh.ziti', 'echo over ssh; exit 7')).toMatchObject({ code: 7, stdout: 'over ssh\n' })
    })

    it('UDP', async () => {
      const script = "printf datagram | socat -t 0.5 - UDP4:echo.ziti:7; date +' %s%3N'"
      const [answer, endedAt] = (await shell(script)).stdout.split(' ')
      expect(answer).toBe('datagram')
      // Nobody waits for the end of a session that has none.
      expect(Date.now() - Number(endedAt)).toBeLessThan(2_000)
    })

    it('with equal bytes, many of them', async () => {
      const size = 64 << 20
      const { stdout } = await shell(`curl -sS http://web.ziti/hash/${size}; echo; curl -sS http://web.ziti/bytes/${size} | sha256sum`)
      const [hash, received] = stdout.trim().split('\n')
      expect(received?.split(' ')[0]).toBe(hash?.trim())
    })

    it('and hears at once that one is down', async () => {
      const { code, stderr } = await exec(['--', 'curl', '-sS', '-m', '10', 'http://down.ziti/'])
      expect([7, 52, 56]).toContain(code)
      expect(stderr).not.toMatch(/timed out/)
    })
  })

  describe('reaches everything else by ordinary sockets', () => {
    it('curl, psql and ssh', async () => {
      const { far } = worldAddresses
      expect(await said('curl', '-sS', '-m', '10', `http://direct.test:${direct.web}/hello`)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^GET \/hello /) })
      expect(await said('psql', '-h', far, '-p', String(direct.database), '-U', 'postgres', '-Atc', 'select 6 * 7')).toMatchObject({ stdout: '42\n' })
      expect(await said('ssh', ...sshOptions, '-p', String(direct.ssh), `root@${far}`, 'echo direct; exit 8')).toMatchObject({ code: 8, stdout: 'direct\n' })
    })

    it('UDP, and DNS by the nameservers of the host, over both', async () => {
      const { stdout } = await shell(
        `printf hello | socat -t 1 - UDP4:${worldAddresses.far}:7; echo; getent ahostsv4 upstream.test | head -1; dig +short upstream.test TXT; dig +tcp +short upstream.test TXT; dig +short @${worldAddresses.far} upstream.test A`)
      expect(stdout).toMatch(/^hello\n10\.9\.9\.9 .*\n"from upstream"\n"from upstream"\n10\.9\.9\.9\n$/)
    })

    it('over IPv6, and where the nameserver of the host is a stub on its loopback, as that of systemd-resolved', async () => {
      const relay = world.farSpace.start('socat', [`TCP6-LISTEN:${direct.web},bind=[fd55::1],fork,reuseaddr`, `TCP4:${worldAddresses.far}:${direct.web}`])
      const stub = world.host.start('dnsmasq', ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--listen-address=127.0.0.53', '--port=53', '--pid-file=', '--user=root', `--server=${worldAddresses.far}`])
      try {
        await world.host.must('sh', '-c', "cp /etc/resolv.conf /etc/resolv.before; echo 'nameserver 127.0.0.53' > /etc/resolv.conf; until dig +short +tries=1 +time=1 upstream.test | grep -q 10; do sleep 0.05; done")
        const { stdout } = await shell(`curl -sS -g -m 8 http://[fd55::1]:${direct.web}/hello; dig +short upstream.test A; curl -sS -m 8 http://web.ziti/hello`)
        expect(stdout).toMatch(/^GET \/hello [^\n]*\n10\.9\.9\.9\nGET \/hello /)
      } finally {
        for (const server of [relay, stub]) server.signal('SIGKILL')
        await world.host.must('sh', '-c', 'cat /etc/resolv.before > /etc/resolv.conf; rm /etc/resolv.before')
      }
    })

    it('and is told the truth of what refuses or is not there', async () => {
      const { stdout } = await shell(
        `for to in ${worldAddresses.far}:9 10.55.0.99:9 web.ziti:81; do curl -sS -m 8 -o /dev/null -w '%{time_total} ' http://$to/ 2>&1; done`)
      expect(stdout).toMatch(/port 9 after \d+ ms: Couldn't connect[\s\S]*port 81 after \d+ ms: Couldn't connect/)
    })

    it('unless --overlay-only forbids it', async () => {
      const { stdout } = await shell(
        `curl -sS -m 5 http://${worldAddresses.far}:${direct.web}/ 2>&1; curl -sS -m 5 http://web.ziti/hello; dig +noall +comments upstream.test | grep -o 'status: [A-Z]*'`, '--overlay-only')
      expect(stdout).toMatch(/Couldn't connect[^\n]*\nGET \/hello [^\n]*\nstatus: REFUSED\n/)
    })
  })

  describe('leaves the command as it is', () => {
    it('user, groups, directory, environment, resolver, without a capability', async () => {
      const { stdout } = await shell('id -u; id -g; pwd; echo $HOME; grep CapEff /proc/self/status; cat /etc/resolv.conf; ulimit -c')
      const outside = (await world.host.run('setpriv', [...asUser, 'sh', '-c', 'id -u; id -g; pwd; echo $HOME'])).stdout
      expect(stdout.startsWith(outside)).toBe(true)
      expect(stdout).toMatch(/CapEff:\t0+\nnameserver 100\.64\.0\.2\nsearch corp\.test\n/)
    })

    it('input, output, error and the exit code', async () => {
      const finished = await exec(['sh', '-c', 'cat; echo to stderr >&2; exit 42'], { input: 'to stdin' })
      expect(finished).toEqual({ code: 42, stdout: 'to stdin', stderr: 'to stderr\n' })
    })

    it('the terminal, whose keys are the command\'s', async () => {
      const script = 'trap "echo heard INT; exit 5" INT; test -t 0 && test -t 1 && echo on a terminal; kill -INT 0; sleep 1'
      const words = ['setpriv', ...line('--', 'sh', '-c', script)].map((word) => `'${word}'`).join(' ')
      const { code, stdout } = await world.host.run('script', ['-qefc', words, '/dev/null'])
      // As a key does, the signal goes to the whole process group: the command hears it once, and decides.
      expect([code, stdout.replaceAll('\r', '')]).toEqual([5, 'on a terminal\nheard INT\n'])
    })

    it('signals', async () => {
      const running = start('--', 'sh', '-c', 'trap "echo heard TERM; exit 9" TERM; echo ready; while :; do sleep 0.1; done')
      await running.line(/ready/)
      running.signal('SIGTERM')
      expect(await running.exited).toBe(9)
      expect(running.lines).toContain('heard TERM')
      const killed = start('--', 'sh', '-c', 'echo ready; kill -KILL $$')
      expect(await killed.exited).toBe(128 + 9)
    })

    it('and says what is not there', async () => {
      expect(await exec(['/no/such/program'])).toMatchObject({ code: 127, stderr: expect.stringContaining('/no/such/program') })
    })
  })

  it('--plan prints the network that the command would have, and runs nothing', async () => {
    const { code, stdout, stderr } = await shell('echo it runs > /dev/tty; echo it runs', '--plan', '--overlay-only')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\d+ changes would be made:\n\n +1 {2}namespace\.create .* for sh -c echo it runs/)
    expect(stdout).toContain('| nameserver 100.64.0.2\n')
    expect(stdout).toMatch(/address\.add +100\.64\.0\.1\/32 on tun0\n[^]*route\.add +0\.0\.0\.0\/0 dev tun0\n[^]*what is no service is refused\n\nNothing was changed\.\n$/)
    expect(stdout).not.toMatch(/^it runs/m)
  })

  it('127.0.0.1 is its own, and --host-loopback leads to the host', async () => {
    const server = world.host.start('socat', ['TCP4-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr', 'SYSTEM:echo the host'])
    try {
      const { stdout } = await shell('socat -u TCP4:127.0.0.1:9000 - 2>&1; socat -u TCP4:10.0.2.2:9000 -', '--host-loopback', '10.0.2.2')
      expect(stdout).toMatch(/Connection refused[\s\S]*\nthe host\n$/)
    } finally {
      server.signal('SIGKILL')
    }
  })

  it('several at once do not see each other', async () => {
    const each = await Promise.all([1, 2, 3].map((number) =>
      shell(`socat TCP4-LISTEN:9100,bind=127.0.0.1,reuseaddr SYSTEM:'echo ${number}' & sleep 0.5; curl -sS http://web.ziti/${number}; socat -u TCP4:127.0.0.1:9100 -`)))
    each.forEach(({ code, stdout }, index) => {
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`^GET /${index + 1} .*\\n${index + 1}\\n$`))
    })
  })

  it('--pcap has all that it sent and got, from the first question on', async () => {
    const folder = scratchFolder('exec-pcap')
    chownSync(folder, user, user)
    const file = join(folder, 'a.pcap')
    expect(await shell('curl -sS http://web.ziti/hello', '--pcap', file)).toMatchObject({ code: 0, stderr: '' })
    const shown = await world.host.must('sh', '-c', `tcpdump -nr ${file} 2>/dev/null`)
    expect(shown).toMatch(/ > 100\.64\.0\.2\.53: .* A\? web\.ziti\./)
    expect(shown).toMatch(/Flags \[S\.\],/)
  })

  it('leaves nothing of the host changed, also when it is killed', async () => {
    const running = start('--', 'sh', '-c', 'curl -sS http://web.ziti/; echo ready; exec sleep 4')
    await running.line(/ready/)
    expect(dumpDifference(before, await dumpHost(world.host))).toEqual([])
    running.signal('SIGKILL')
    // The command lives on, without a network, and has our output.
    await running.exited
    expect(dumpDifference(before, await dumpHost(world.host))).toEqual([])
  })

  it('names the setting of a system that forbids it', async () => {
    const setting = '/proc/sys/user/max_net_namespaces'
    const usual = readFileSync(setting, 'latin1')
    const { stderr, code } = await world.host.run('unshare', ['--user', '--map-root-user', '--mount', '--', 'sh', '-c', `echo 0 > ${setting}; exec "$@"`, 'sh', ...world.program, 'exec', '-i', world.identity, 'true'])
    expect(readFileSync(setting, 'latin1')).toBe(usual)
    expect([code, stderr]).toEqual([1, expect.stringContaining('user.max_net_namespaces = 0')])
  })
})
