import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces, type Namespace } from '../support/netns/namespace.ts'
import { createWorld, worldAddresses, type World } from '../support/netns/world.ts'
import { run, type Running } from '../support/programs.ts'
import { scratchFolder } from '../support/real-servers.ts'
import { scaled } from '../support/scale.ts'

/**
 * A host whose connections are taken by a TUN link and a TCP/IP stack of ours: ordinary programs reach services, somebody takes the link away, and
 * somebody else has port 53.
 */
describe.skipIf(!hasNamespaces)('with tun', () => {
  let world: World
  let tunneler: Running
  let clean: string
  let ssh: { port: number; clientOptions: readonly string[] }
  const files = hasNamespaces ? scratchFolder('tun') : ''
  const bytes = scaled(64 << 20, 4 << 20)

  beforeAll(async () => {
    world = await createWorld()
    const { far } = world
    mkdirSync(join(files, 'shared'))
    writeFileSync(join(files, 'shared', 'payload'), randomBytes(bytes))
    const [web, iperf, rsync, database] = (await Promise.all([far.call('web'), far.call('iperf'), far.call('rsync', join(files, 'shared')), far.call('postgres')])).map(({ port }) => port)
    const repository = makeRepository(join(files, 'origin'))
    ssh = await far.call('ssh')
    await far.call('echo', 7)
    await far.call('dns', { 'upstream.test': { A: ['10.55.0.1'], TXT: ['from upstream'] } })
    const tcp = (port: number | undefined): string => `tcp:127.0.0.1:${port}`
    await world.service('web', { addresses: ['web.ziti', '10.200.0.80', 'fd77::80'], ports: [80, [8000, 8100]] }, tcp(web))
    await world.service('apps', { addresses: ['*.apps.ziti'], ports: [80] }, tcp(web))
    await world.service('range', { addresses: ['10.201.0.0/16', 'fd78::/64'], ports: [[1, 65_535]] }, tcp(7))
    await world.service('echo', { addresses: ['echo.ziti', '10.202.0.7', 'fd79::7'], ports: [7], protocols: ['udp'] }, 'udp:127.0.0.1:7')
    await world.service('ssh', { addresses: ['ssh.ziti'], ports: [22] }, tcp(ssh.port))
    await world.service('database', { addresses: ['db.ziti'], ports: [5432] }, tcp(database))
    await world.service('files', { addresses: ['rsync.ziti'], ports: [873] }, tcp(rsync))
    await world.service('iperf', { addresses: ['iperf.ziti', '10.203.0.1', 'fd7a::1'], ports: [5201] }, tcp(iperf))
    await world.service('iperf by udp', { addresses: ['iperf.ziti', '10.203.0.1', 'fd7a::1'], ports: [5201], protocols: ['udp'] }, `udp:127.0.0.1:${iperf}`)
    await repository
    clean = await dumpHost(world.host)
    tunneler = world.tunneler('--log-formatter', 'pretty', 'tun', '--configure-resolver', '--pcap', join(files, 'all.pcap'), '--pcap-limit', '16M', world.identity)
    await tunneler.line(/adding iperf\.ziti/)
  }, 60_000)
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.log(task.name, tunneler.lines.filter((line) => !/adding|removing|starting|hostable/.test(line)).slice(-12).join('\n'))
  })
  afterAll(async () => {
    await tunneler?.stop()
    await world?.close()
  })

  const shell = async (command: string, where: Namespace = world.host): Promise<string> => (await where.run('bash', ['-c', command])).stdout
  const page = expect.stringMatching(/^GET \/hello /)

  describe('ordinary programs reach services', () => {
    it.each(['web.ziti', 'web.ziti:8042', '10.200.0.80:8100', '[fd77::80]', 'one.apps.ziti'])('curl http://%s', async (place) => {
      expect(await world.host.run('curl', ['-sS', '-g', '-m', '10', `http://${place}/hello`])).toEqual({ code: 0, stdout: page, stderr: '' })
    })

    it('curl, over IPv4 and over IPv6 by the same name, with equal bytes both ways', async () => {
      const hash = (await world.host.must('curl', '-sS', `http://web.ziti/hash/${bytes}`)).trim()
      const sent = (await world.host.must('sha256sum', join(files, 'shared', 'payload'))).split(' ')[0]
      for (const family of ['-4', '-6']) {
        expect(await shell(`curl -sS ${family} http://web.ziti/bytes/${bytes} | sha256sum`)).toMatch(new RegExp(`^${hash}`))
        expect(await world.host.must('curl', '-sS', family, '--data-binary', `@${join(files, 'shared', 'payload')}`, 'http://web.ziti/up')).toContain(sent)
      }
    })

    it.each(['TCP4:10.201.7.7:40123', 'TCP6:[fd78::1:2]:1'])('%s, any port of a range: half-closed, and the whole answer comes', async (target) => {
      const file = join(files, 'shared', 'payload')
      expect(await shell(`socat -t 20 - ${target} < ${file} | sha256sum`)).toBe(await shell(`sha256sum < ${file}`))
    })

    it('ssh with its exit code, scp, and git clone over ssh', async () => {
      const { code, stdout } = await world.host.run('ssh', [...ssh.clientOptions, 'root@ssh.ziti', 'echo over ssh; exit 7'])
      expect({ code, stdout }).toEqual({ code: 7, stdout: 'over ssh\n' })
      await world.host.must('scp', ...ssh.clientOptions, `root@ssh.ziti:${files}/shared/payload`, `${files}/copied`)
      expect(readFileSync(`${files}/copied`).equals(readFileSync(`${files}/shared/payload`))).toBe(true)
      await world.host.must('git', '-c', `core.sshCommand=ssh ${ssh.clientOptions.join(' ')}`, 'clone', '-q', `ssh://root@ssh.ziti${files}/origin`, `${files}/clone`)
      expect(await world.host.must('git', '-C', `${files}/clone`, 'log', '--format=%s')).toBe('first\n')
    })

    it('rsync', async () => {
      await world.host.must('rsync', '-a', 'rsync://rsync.ziti/files/', `${files}/synced/`)
      expect(readFileSync(`${files}/synced/payload`).equals(readFileSync(`${files}/shared/payload`))).toBe(true)
    })

    it('psql', async () => {
      expect(await world.host.must('psql', '-h', 'db.ziti', '-U', 'postgres', '-Atc', 'select sum(i) from generate_series(1, 300000) i')).toBe('45000150000\n')
    })

    it.each([['iperf.ziti', []], ['fd7a::1', ['-R', '-P', '4']], ['10.203.0.1', ['-u', '-b', '20M', '-l', '1200']]] as const)('iperf3 to %s %j', async (place, more) => {
      const measure = async () => JSON.parse((await world.host.run('iperf3', ['-c', place, '-J', '-t', String(scaled(10, 1)), ...more])).stdout) as IperfReport
      let report = await measure()
      // It serves one after the other, and needs a moment between them.
      while (report.error?.includes('busy')) report = await measure()
      expect(report.error).toBeUndefined()
      expect(report.end.sum_received?.bytes ?? report.end.sum?.bytes).toBeGreaterThan(100_000)
    })

    it.each([['UDP4:10.202.0.7:7', 65_507], ['UDP6:[fd79::7]:7', 65_507], ['UDP4:echo.ziti:7', 5]] as const)('a datagram to %s, %i bytes whole both ways', async (target, size) => {
      await shell(`head -c ${size} /dev/urandom > ${files}/datagram`)
      expect(await shell(`socat -b 65536 -t 0.4 - ${target} < ${files}/datagram | sha256sum`)).toBe(await shell(`sha256sum < ${files}/datagram`))
    })

    it('and refuses what no service has: the port, and at once', async () => {
      const { code, stderr } = await world.host.run('curl', ['-sS', '-m', '10', 'http://web.ziti:81/'])
      expect([code, stderr]).toEqual([7, expect.stringContaining("Couldn't connect")])
    })
  })

  it('names are answered at an address inside the tunnel too, over UDP and TCP, with those of others', async () => {
    for (const transport of ['+notcp', '+tcp']) for (const server of ['127.0.0.1', '100.64.0.17']) {
      expect(await shell(`dig ${transport} +short @${server} web.ziti; dig ${transport} +short @${server} upstream.test TXT`)).toMatch(/^100\.\d+\.\d+\.\d+\n"from upstream"\n$/)
    }
  })

  it('neighbours whose packets are forwarded reach services by address, and names where they ask inside the tunnel', async () => {
    for (const place of ['10.200.0.80', '[fd77::80]']) expect(await shell(`curl -sS -g -m 10 http://${place}/hello`, world.lan)).toEqual(page)
    const address = (await shell('dig +short @100.64.0.17 web.ziti', world.lan)).trim()
    expect(await shell(`curl -sS -m 10 http://${address}/hello`, world.lan)).toEqual(page)
    expect((await world.lan.run('socat', ['-t', '0.4', '-', 'UDP4:10.202.0.7:7'], { input: 'lan' })).stdout).toBe('lan')
  })

  it('status says what there is', async () => {
    const [status] = JSON.parse(await world.host.must(world.program[0] ?? '', ...world.program.slice(1), 'status', '--json')) as [{ interceptor: string; dns: { addresses: string[] } }]
    expect(status.interceptor).toBe('tun')
    expect(status.dns.addresses).toEqual(['udp://127.0.0.1:53', 'tcp://127.0.0.1:53', 'udp://100.64.0.17:53', 'tcp://100.64.0.17:53'])
  })

  describe('captures, which tcpdump reads', () => {
    const cli = (...words: readonly string[]): string => [...world.program, ...words].join(' ')
    const connection = /^\S+ IP 169\.254\.1\.1\.\d+ > 10\.200\.0\.80\.8\d\d\d: Flags \[S\], .*\n\S+ IP 10\.200\.0\.80\.8\d\d\d > 169\.254\.1\.1\.\d+: Flags \[S\.\], [^]*: Flags \[F\.\],/

    it('--pcap FILE: all that passes, from the first packet on until it is large enough', async () => {
      expect(await shell(`tcpdump -nr ${files}/all.pcap host 10.200.0.80 and port 8100 2>/dev/null`)).toMatch(connection)
      expect(await shell(`tcpdump -nr ${files}/all.pcap ip6 host fd77::80 2>/dev/null | head -1`)).toContain('Flags [S]')
      await tunneler.line(/WARNING .*the capture is as large as --pcap-limit allows/)
    })

    it('capture --pcap FILE, of the one that runs, until Ctrl-C; and --pcap - for a pipe', async () => {
      const capture = world.host.start(world.program[0] ?? '', [...world.program.slice(1), 'capture', '--pcap', `${files}/part.pcap`])
      await capture.line(/capturing what passes the stack/)
      await shell('curl -sS http://10.200.0.80:8042/hello')
      const captured = (): Promise<string> => shell(`tcpdump -nr ${files}/part.pcap 2>/dev/null`)
      // The connection may end after curl.
      await expect.poll(captured, { timeout: 5_000 }).toMatch(connection)
      capture.signal('SIGINT')
      expect(await capture.exited).toBe(0)
      expect(await captured()).toMatch(connection)
      const asking = `while ! [ -e ${files}/enough ]; do curl -sS http://10.200.0.80:8042/hello; done`
      const piped = shell(`${cli('capture', '--pcap', '-', '2>/dev/null')} | tcpdump -nc 1 -r - port 8042 2>/dev/null; touch ${files}/enough`)
      expect((await Promise.all([piped, shell(asking)]))[0]).toContain('10.200.0.80.8042')
    })
  })

  it('a link that somebody deletes is made again, one that is switched off is switched on, and it is said', async () => {
    const answers = (): Promise<unknown> => expect.poll(() => shell('curl -sS -m 3 http://web.ziti/hello; curl -sS -g -m 3 http://[fd77::80]/hello'), { timeout: 10_000 }).toMatch(/^GET \/hello [^\n]*\nGET \/hello /)
    await shell('ip link del tun0')
    await tunneler.line(/WARNING .*The TUN link tun0 is gone: somebody has deleted it: making it again, open connections are lost/)
    await tunneler.line(/tun0 is there again/)
    await answers()
    expect(await shell('dig +short @100.64.0.17 web.ziti; dig +tcp +short @100.64.0.17 web.ziti')).toMatch(/^100\..*\n100\./)
    await shell('ip link set tun0 down')
    await tunneler.line(/WARNING .*somebody switched tun0 off: it is on again/)
    await answers()
  })

  it('SIGTERM leaves the host as it was', async () => {
    expect(await tunneler.stop()).toBe(0)
    expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
  })

  describe('where somebody else has port 53', () => {
    let other: Running

    beforeAll(async () => {
      await tunneler.stop()
      other = world.host.start('dnsmasq', ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--listen-address=127.0.0.1', '--port=53', '--pid-file=', '--user=root', `--server=${worldAddresses.far}`])
      await shell('until dig +short +tries=1 +time=1 @127.0.0.1 upstream.test | grep -q 10.55.0.1; do sleep 0.05; done')
      await shell("printf 'nameserver 127.0.0.1\\n' > /etc/resolv.conf")
    })
    afterAll(async () => {
      other?.signal('SIGKILL')
      await other?.exited
      await shell(`printf 'nameserver ${worldAddresses.far}\\n' > /etc/resolv.conf`)
    })

    it('tun is asked inside its tunnel: one line says so, this host is pointed there, and asks the other for the rest', async () => {
      tunneler = world.tunneler('--log-formatter', 'pretty', 'tun', '--configure-resolver', world.identity)
      await tunneler.line(/WARNING .*127\.0\.0\.1:53 is taken by dnsmasq \(pid \d+\): our DNS server is asked at 100\.64\.0\.17:53 instead, inside the tunnel/)
      await tunneler.line(/adding web\.ziti/)
      expect(await shell('grep -m 1 ^nameserver /etc/resolv.conf')).toBe('nameserver 100.64.0.17\n')
      expect(await world.host.run('curl', ['-sS', '-m', '10', 'http://web.ziti/hello'])).toEqual({ code: 0, stdout: page, stderr: '' })
      expect(await shell('dig +short upstream.test TXT; dig +tcp +short upstream.test TXT')).toBe('"from upstream"\n"from upstream"\n')
      expect(await tunneler.stop()).toBe(0)
      expect(await shell('cat /etc/resolv.conf')).toBe('nameserver 127.0.0.1\n')
    })

    it('nor needs tun a capability for it', async () => {
      const alone = ['--bounding-set', '-all,+net_admin', '--inh-caps', '-all']
      tunneler = world.host.start('setpriv', [...alone, ...world.program, '--log-formatter', 'pretty', 'tun', '--configure-resolver', world.identity])
      await tunneler.line(/WARNING .*127\.0\.0\.1:53 is not for this process, which lacks CAP_NET_BIND_SERVICE: our DNS server is asked at 100\.64\.0\.17:53 instead/)
      await tunneler.line(/adding web\.ziti/)
      expect(await world.host.run('curl', ['-sS', '-m', '10', 'http://web.ziti/hello'])).toEqual({ code: 0, stdout: page, stderr: '' })
      expect(await tunneler.stop()).toBe(0)
    })

    it('one that was named with --resolver is not exchanged, and tproxy has no other: both say what to do', async () => {
      for (const [words, advice] of [[['tun', '--resolver', 'udp://127.0.0.1:53'], 'leave out --resolver'], [['tproxy'], 'ziti-tunnel tun']] as const) {
        const refused = world.tunneler(...words, world.identity)
        expect(await refused.exited).toBe(1)
        expect(refused.lines.at(-1)).toMatch(new RegExp(`cannot listen on 127\\.0\\.0\\.1:53: dnsmasq \\(pid \\d+\\) has that port\\. .*${advice}`))
      }
    })
  })
})

interface IperfReport {
  readonly error?: string
  readonly end: { readonly sum_received?: { readonly bytes: number }; readonly sum?: { readonly bytes: number } }
}

async function makeRepository(folder: string): Promise<void> {
  const git = (...words: readonly string[]): Promise<unknown> => run('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...words])
  if (existsSync(folder)) return
  mkdirSync(folder)
  writeFileSync(join(folder, 'data'), randomBytes(1 << 20))
  await git('init', '-q')
  await git('add', 'data')
  await git('commit', '-q', '-m', 'first')
}
