import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { createWorld, worldAddresses, type World } from '../support/netns/world.ts'
import { parseFirewallRows, parseLogLine, parseRoutes, withoutChoices, type LogLine } from '../support/original-forms.ts'
import type { Running } from '../support/programs.ts'
import { startManager } from '../support/resolvers/manager-process.ts'
import { unpackManager } from '../support/resolvers/unpacked-packages.ts'

/**
 * A walk through the README of the original `ziti-tunnel`, sections *run*, *tproxy*, *tun* and *DNS Server*, command by command. Its words
 * are quoted as they stand there; where we differ on purpose, the test names the decision, and docs/log-messages.md has the list.
 */
const ready = 'nameserver 127.0.0.1\nnameserver 10.55.0.1\n'
const before = 'nameserver 10.55.0.1\n'

/** Lines of the README, to compare with those of a run: time, packages, and what is chosen anew in each run apart. */
const printed = (...lines: readonly string[]): LogLine[] => lines.flatMap((line) => said(line))
const withoutIptables = [
  '[   0.001]    INFO ziti/tunnel/intercept/tproxy.New: tproxy listening on 127.0.0.1:37313',
  '[   0.001]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.run: tproxy initialization failed: failed to initialize iptables handle: exec: "iptables": executable file not found in $PATH',
]
const said = (line: string): LogLine[] => {
  const parsed = parseLogLine(line)
  return parsed ? [{ ...parsed, message: withoutChoices(parsed.message) }] : []
}

describe.skipIf(!hasNamespaces)('the README of the original', () => {
  let world: World
  let clean: string
  const running = new Set<Running>()

  beforeAll(async () => {
    world = await createWorld({ resolvConf: ready })
    await world.far.call('echo', 7)
    await world.far.call('dns', { 'wttr.in': { A: '5.9.243.187' }, 'myservice.mydomain.com': { A: '45.60.32.165' } })
    const echo = 'tcp:127.0.0.1:7'
    await world.service('wttr.in', { addresses: ['wttr.in'], ports: [443] }, echo)
    await world.service('ssh-scarey', { addresses: ['scarey.io'], ports: [22] }, echo)
    await world.service('netcat', { addresses: ['1.2.3.4'], ports: [22_169] }, echo)
    await world.service('myservice', { addresses: ['myservice.mydomain.com'], ports: [80] }, echo)
    await world.service('telnet', { addresses: ['bogushost.net'], ports: [25] }, echo)
    clean = await dumpHost(world.host)
  }, 60_000)
  afterEach(async () => {
    await Promise.all([...running].map((each) => each.stop()))
    running.clear()
    await world.host.must('sh', '-c', `printf '${ready}' > /etc/resolv.conf`)
  })
  afterAll(() => world?.close())

  function tunneler(...words: readonly string[]): Running {
    const started = world.tunneler('--log-formatter', 'pretty', ...words)
    running.add(started)
    return started
  }

  const shell = async (command: string): Promise<string> => (await world.host.run('sh', ['-c', command])).stdout
  const linesOf = ({ lines }: Running): LogLine[] => lines.flatMap((line) => said(line))
  const listenerOf = async (tunnel: Running): Promise<string> => / listening on (\S+)$/.exec(await tunnel.line(/tproxy listening/))?.[1] ?? ''

  const linkLocalOf = async (tunnel: Running): Promise<string> => /adding scarey\.io = (\S+)/.exec(await tunnel.line(/adding scarey/))?.[1] ?? ''

  async function echoes(place: string): Promise<void> {
    const { stdout } = await world.host.run('socat', ['-t', '5', '-', `TCP4:${place}`], { input: place })
    expect(stdout).toBe(place)
  }

  describe('run', () => {
    it('sudo ziti-tunnel run ziti.json', async () => {
      const tunnel = tunneler('run', world.identity)
      await tunnel.line(/using tproxy interceptor/)
      // The README shows the beginning; what follows may be here already.
      expect(linesOf(tunnel).slice(0, 2)).toEqual(printed(
        '[   0.000]    INFO ziti/tunnel/intercept/tproxy.New: tproxy listening on 127.0.0.1:33641',
        '[   0.006]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.run: using tproxy interceptor',
      ))
      expect(tunnel.lines[0]).toMatch(/^\[ {3}\d\.\d{3}\] {4}INFO /)
      // Decision 0011: by nf_tables where the kernel has it, in a table of our own; iptables shows nothing of us.
      expect(await shell('iptables -nt mangle -L PREROUTING | grep NF-INTERCEPT')).toBe('')
      const listener = await listenerOf(tunnel)
      await expect.poll(() => shell('nft list chain inet ziti-tunnel NF-INTERCEPT 2>/dev/null'), { timeout: 5_000 }).toContain(`tproxy ip to ${listener}`)
    })

    it('started on a host that lacks iptables', async () => {
      const tunnel = world.host.start('env', ['PATH=/nowhere', ...world.program, '--log-formatter', 'pretty', 'run', '--firewall', 'iptables', world.identity])
      running.add(tunnel)
      await tunnel.line(/using tun interceptor/)
      expect(linesOf(tunnel).slice(0, 3)).toEqual(printed(...withoutIptables, '[   0.009]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.run: using tun interceptor'))
      await tunnel.line(/removing ziti-tunnel\.resolver\.test/)
      await expect.poll(() => shell('ip -o route get 1.2.3.4'), { timeout: 5_000 }).toContain('dev tun0')
      await Promise.all(['1.2.3.4:22169', 'scarey.io:22'].map(echoes))
      expect(await tunnel.stop()).toBe(0)
      expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
    })

    it('fails to start if no intercept modes can be initialized', async () => {
      await world.host.must('mount', '-t', 'tmpfs', 'none', '/dev/net')
      const tunnel = world.host.start('env', ['PATH=/nowhere', ...world.program, '--log-formatter', 'pretty', 'run', '--firewall', 'iptables', world.identity])
      expect(await tunnel.exited).toBe(1)
      await world.host.must('umount', '/dev/net')
      const lines = linesOf(tunnel)
      expect(lines.slice(0, 2)).toEqual(printed(...withoutIptables))
      expect(lines[2]).toEqual({ level: 'INFO', function: 'run', message: expect.stringMatching(/^tun initialization failed: failed to open tun interface \(name='', mtu=0\): .*\/dev\/net\/tun.*modprobe tun/) })
      expect(lines.slice(3)).toEqual(printed('[   0.001]   FATAL ziti/tunnel/cmd/ziti-tunnel/subcmd.run: failed to initialize an interceptor'))
      expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
    })

    it('without --firewall it needs no iptables (decision 0011)', async () => {
      const tunnel = world.host.start('env', ['PATH=/nowhere', ...world.program, '--log-formatter', 'pretty', 'run', world.identity])
      running.add(tunnel)
      await tunnel.line(/removing ziti-tunnel\.resolver\.test/)
      expect(linesOf(tunnel)[1]?.message).toBe('using tproxy interceptor')
    })
  })

  describe('tproxy', () => {
    it('sudo ziti-tunnel --identity ziti.json tproxy', async () => {
      const tunnel = tunneler('--identity', world.identity, 'tproxy', '--firewall', 'iptables', '--ip-assignment', 'original')
      await Promise.all([/adding wttr\.in/, /adding bogushost\.net/, /adding scarey\.io/].map((name) => tunnel.line(name)))
      const lines = linesOf(tunnel)

      const opening = printed(
        '[   0.000]    INFO ziti/tunnel/intercept/tproxy.New: tproxy listening on 127.0.0.1:33355',
        '[   0.010]    INFO ziti/tunnel/dns.NewDnsServer: starting dns server...',
        '[   2.018]    INFO ziti/tunnel/dns.NewDnsServer: dns server running at 127.0.0.1:53',
        '[   2.018]    INFO ziti/tunnel/dns.(*resolver).AddHostname: adding ziti-tunnel.resolver.test = 19.65.28.94 to resolver',
        '[   2.033]    INFO ziti/tunnel/dns.(*resolver).RemoveHostname: removing ziti-tunnel.resolver.test from resolver',
      )
      // A name is answered when it is intercepted, not before: its line stands behind those of all services.
      const first = printed(
        '[   2.096]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: starting tunnel for newly available service wttr.in',
        '[   2.300]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: service wttr.in not hostable',
        '[   2.290]    INFO ziti/tunnel/dns.(*resolver).AddHostname: adding wttr.in = 5.9.243.187 to resolver',
      )
      const second = printed(
        '[   2.300]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: starting tunnel for newly available service ssh-scarey',
        '[   2.570]    INFO ziti/tunnel/dns.(*resolver).AddHostname: adding scarey.io = 169.254.1.1 to resolver',
      )
      const ours = lines.map(({ message }) => message)
      for (const service of [first, second]) {
        const part = [...opening, ...service]
        for (const line of part) expect(lines).toContainEqual(line)
        const places = part.map(({ message }) => ours.indexOf(message))
        expect(places).toEqual(places.toSorted((one, other) => one - other))
      }
    })

    describe('its firewall rules and routes', () => {
      let tunnel: Running

      beforeAll(async () => {
        tunnel = world.tunneler('--log-formatter', 'pretty', '--identity', world.identity, 'tproxy', '--firewall', 'iptables', '--ip-assignment', 'original')
        await Promise.all([tunnel.line(/adding bogushost\.net/), tunnel.line(/adding scarey\.io/)])
      })
      afterAll(() => tunnel?.stop())

      it('sudo iptables -nt mangle -L PREROUTING | grep NF-INTERCEPT', async () => {
        const rows = parseFirewallRows(await shell('iptables -nt mangle -L PREROUTING | grep NF-INTERCEPT'))
        // `NF-INTERCEPT  all  --  0.0.0.0/0            0.0.0.0/0`; the comment says whose it is, for the undo (decision 0009).
        expect(rows).toEqual([{ target: 'NF-INTERCEPT', protocol: 'all', source: '0.0.0.0/0', destination: '0.0.0.0/0', comment: 'ziti-tunnel' }])
      })

      it('sudo iptables -nt mangle -L NF-INTERCEPT', async () => {
        const listing = await shell('iptables -nt mangle -L NF-INTERCEPT')
        expect(listing).toMatch(/^Chain NF-INTERCEPT \(1 references\)\ntarget +prot opt source +destination/)
        const [first, ...rows] = parseFirewallRows(listing)
        // Decision 0011: traffic of tunnelers is never intercepted, even where a service has the address of a controller.
        expect(first).toMatchObject({ target: 'RETURN', protocol: 'all', destination: '0.0.0.0/0' })
        const [redirect, linkLocal] = [await listenerOf(tunnel), await linkLocalOf(tunnel)]
        const row = (destination: string, comment: string, port: number) => ({
          target: 'TPROXY', protocol: 'tcp', source: '0.0.0.0/0', destination, comment, port, redirect, mark: '0x1/0x1',
        })
        for (const wanted of [row('5.9.243.187', 'wttr.in', 443), row(linkLocal, 'ssh-scarey', 22), row('1.2.3.4', 'netcat', 22_169)]) {
          expect(rows).toContainEqual(wanted)
        }
        expect(rows.filter(({ target }) => target === 'TPROXY')).toHaveLength(5)
      })

      it('ip route show table local', async () => {
        // Decision 0011: the same routes in a table of ours, looked at behind the host's own; what this host sends is brought there by
        // a mark. So overlay traffic goes around it. Their source is the host's address, so that clients keep theirs.
        expect(await shell('ip route show table local')).not.toContain('1.2.3.4')
        const routes = parseRoutes(await shell('ip route show table all proto 122'))
        for (const address of ['1.2.3.4', '5.9.243.187', await linkLocalOf(tunnel)]) {
          expect(routes).toContainEqual(expect.objectContaining({ local: address, dev: 'lo', scope: 'host', src: worldAddresses.host }))
        }
      })

      it('captures packets destined for any address using a single listener', async () => {
        await Promise.all(['wttr.in:443', '5.9.243.187:443', 'scarey.io:22', '1.2.3.4:22169'].map(echoes))
        const [address, port] = (await listenerOf(tunnel)).split(':')
        const sockets = await shell(`ss -Hltn src ${address} | grep -v ':53 '`)
        expect(sockets.trim().split('\n')).toEqual([expect.stringContaining(`:${port}`)])
      })

      it('IP address assignment: the address that the name has, else an unused link-local one', async () => {
        // `[0127]  INFO adding myservice.mydomain.com -> 45.60.32.165 to resolver`, with the sign of the README's other examples.
        const [, assigned] = /adding bogushost\.net = (169\.254\.1\.\d+) to resolver$/.exec(await tunnel.line(/adding bogushost/)) ?? []
        expect(linesOf(tunnel).map(({ message }) => message)).toContain('adding myservice.mydomain.com = 45.60.32.165 to resolver')
        expect(assigned).toMatch(/^169/)
        expect(assigned).not.toBe(await linkLocalOf(tunnel))
        await Promise.all(['myservice.mydomain.com:80', 'bogushost.net:25'].map(echoes))
      })

      it('are removed when ziti-tunnel is terminated', async () => {
        expect(await tunnel.stop()).toBe(0)
        expect(await shell('iptables -nt mangle -L PREROUTING | grep NF-INTERCEPT')).toBe('')
        expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
      })
    })
  })

  describe('tun', () => {
    it('sudo ziti-tunnel --identity ziti.json tun', async () => {
      const tunnel = tunneler('--identity', world.identity, 'tun', '--ip-assignment', 'original')
      await Promise.all([/adding wttr\.in/, /adding bogushost\.net/, /adding scarey\.io/].map((name) => tunnel.line(name)))
      await expect.poll(() => shell('ip addr show dev tun0')).toContain('peer 1.2.3.4/32')
      const lines = linesOf(tunnel)
      for (const line of printed(
        '[   0.010]    INFO ziti/tunnel/dns.NewDnsServer: starting dns server...',
        '[   2.012]    INFO ziti/tunnel/dns.NewDnsServer: dns server running at 127.0.0.1:53',
        '[   2.012]    INFO ziti/tunnel/dns.(*resolver).AddHostname: adding ziti-tunnel.resolver.test = 19.65.28.94 to resolver',
        '[   2.031]    INFO ziti/tunnel/dns.(*resolver).RemoveHostname: removing ziti-tunnel.resolver.test from resolver',
        '[   2.089]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: starting tunnel for newly available service wttr.in',
        '[   2.280]    INFO ziti/tunnel/dns.(*resolver).AddHostname: adding wttr.in = 5.9.243.187 to resolver',
        '[   2.282]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: service wttr.in not hostable',
        '[   2.282]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: starting tunnel for newly available service ssh-scarey',
        '[   2.502]    INFO ziti/tunnel/dns.(*resolver).AddHostname: adding scarey.io = 169.254.1.2 to resolver',
        '[   2.505]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: service ssh-scarey not hostable',
        '[   2.505]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: starting tunnel for newly available service netcat',
        '[   2.506]    INFO ziti/tunnel/cmd/ziti-tunnel/subcmd.updateServices: service netcat not hostable',
      )) expect(lines).toContainEqual(line)

      // The addresses that it adds to the tun interface are point-to-point addresses.
      const [name] = [await linkLocalOf(tunnel)]
      expect(name).not.toBe('169.254.1.1')
      const shown = await shell('ip addr show dev tun0')
      expect(shown).toMatch(/^\d+: tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 65535 /)
      expect(shown).toContain('    link/none')
      expect(shown).toContain('    inet 169.254.1.1/32 scope host tun0\n       valid_lft forever preferred_lft forever\n')
      // `noprefixroute`: the routes are in a table of ours, so that overlay traffic goes around them (decision 0011).
      for (const peer of ['5.9.243.187', name, '1.2.3.4']) expect(shown).toContain(`    inet 169.254.1.1 peer ${peer}/32 scope host noprefixroute tun0\n`)
      await Promise.all(['wttr.in:443', '5.9.243.187:443', 'scarey.io:22', '1.2.3.4:22169'].map(echoes))

      // The tun interface and all addresses assigned to it are removed when it terminates.
      expect(await tunnel.stop()).toBe(0)
      expect(await shell('ip addr show dev tun0 2>&1')).toContain('does not exist')
      expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
    })

    it('removed by the kernel, and by the janitor, also when it is killed', async () => {
      const tunnel = tunneler('--identity', world.identity, 'tun')
      await tunnel.line(/adding wttr\.in/)
      await echoes('1.2.3.4:22169')
      tunnel.signal('SIGKILL')
      await tunnel.exited
      await expect.poll(async () => dumpDifference(clean, await dumpHost(world.host)), { timeout: 10_000 }).toEqual([])
    })
  })

  describe('DNS Server', () => {
    it('is tested when ziti-tunnel starts: by the words on a terminal', async () => {
      const command = [...world.program, '--log-formatter', 'text', 'run', world.identity].join(' ')
      const tunnel = world.host.start('script', ['-qefc', command, '/dev/null'])
      running.add(tunnel)
      await tunnel.line(/removing ziti-tunnel/)
      const lines = tunnel.lines.map((line) => line.trimEnd())
      // The README has two generations of these words, `started on` and `->` here; ours are those of its *tproxy* section.
      const words = ['dns server running at 127.0.0.1:53', 'adding ziti-tunnel.resolver.test = 19.65.28.94 to resolver', 'removing ziti-tunnel.resolver.test from resolver']
      for (const word of words) expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^INFO\\[\\d{4}\\] ${word.replaceAll('.', '\\.')}$`)))
    })

    it('ziti-tunnel will exit if the self-test fails, and says what to do on a host of dhclient', async () => {
      await world.host.must('sh', '-c', `printf '; generated by /usr/sbin/dhclient-script\\n${before}' > /etc/resolv.conf`)
      const tunnel = tunneler('run', world.identity)
      expect(await tunnel.exited).toBe(1)
      const text = tunnel.lines.join('\n')
      expect(text).toMatch(/\/etc\/resolv\.conf is a regular file, written by dhclient/)
      expect(text).toMatch(/prepend domain-name-servers 127\.0\.0\.1;/)
      expect(text).toMatch(/--resolver file:\/\/\/etc\/hosts/)
      expect(tunnel.lines.at(-1)).toMatch(/FATAL .*the DNS self-test failed: .* let it be set up with: .*--configure-resolver/)
    })

    it('the command that it offers works', async () => {
      await world.host.must('sh', '-c', `printf '${before}' > /etc/resolv.conf`)
      const failed = tunneler('run', world.identity)
      await failed.exited
      const [, offered = ''] = /let it be set up with: (?:sudo )?(.*?);/.exec(failed.lines.at(-1) ?? '') ?? []
      expect(offered).toContain('--configure-resolver')
      const tunnel = tunneler(...offered.split(' ').slice(1).map((word) => word.replaceAll("'", '')))
      await tunnel.line(/removing ziti-tunnel\.resolver\.test/)
      expect(await tunnel.stop()).toBe(0)
      expect(await shell('cat /etc/resolv.conf')).toBe(before)
    })

    it('ziti-tunnel run --resolver file:///etc/hosts "${HOME}/ziti.json"', async () => {
      await world.host.must('sh', '-c', `printf '${before}' > /etc/resolv.conf`)
      await world.service('wild', { addresses: ['*.wild.test'], ports: [80] }, 'tcp:127.0.0.1:7')
      const hosts = await shell('cat /etc/hosts')
      const tunnel = tunneler('run', '--resolver', 'file:///etc/hosts', world.identity)
      await tunnel.line(/\/etc\/hosts cannot hold \*\.wild\.test: .* the DNS server/)
      expect(linesOf(tunnel)).toContainEqual({ level: 'INFO', function: 'RemoveHostname', message: 'removing ziti-tunnel.resolver.test from resolver' })
      expect((await shell('cat /etc/hosts')).endsWith(hosts)).toBe(true)
      expect(await shell("grep '# ziti-tunnel' /etc/hosts | grep -c scarey.io")).toMatch(/^[12]\n/)
      expect(await shell('ss -Hlun sport = :53')).toBe('')
      await echoes('scarey.io:22')
      await tunnel.stop()
      expect(await shell('cat /etc/hosts')).toBe(hosts)
    })
  })
})

const systemd = hasNamespaces ? await unpackManager('systemd-resolved') : { missing: 'not root' }

describe.skipIf('missing' in systemd)('the README of the original, on a host of systemd-resolved', () => {
  it('its three commands let the self-test pass', async () => {
    const world = await createWorld()
    const manager = await startManager(world.host, 'systemd-resolved', { nameservers: [] })
    try {
      await world.far.call('dns', {})
      await world.host.must('resolvectl', 'dns', 'eth0', worldAddresses.far)
      const failed = world.tunneler('run', world.identity)
      expect(await failed.exited).toBe(1)
      const guidance = failed.lines.join('\n')
      const commands = [
        'sudo ln -sf /run/systemd/resolve/resolv.conf /etc',
        'echo -e "[Resolve]\\nDNS=127.0.0.1" | sudo tee /etc/systemd/resolved.conf.d/ziti-tunnel.conf',
        'sudo systemctl restart systemd-resolved',
      ]
      for (const command of commands) expect(guidance).toContain(JSON.stringify(command).slice(1, -1))
      for (const command of commands.slice(0, 2)) await world.host.must('bash', '-c', command.replaceAll('sudo ', ''))
      await manager.restart()
      await world.host.must('resolvectl', 'dns', 'eth0', worldAddresses.far)
      const tunnel = world.tunneler('run', world.identity)
      await tunnel.line(/removing ziti-tunnel\.resolver\.test/)
      expect(await tunnel.stop()).toBe(0)
    } finally {
      await manager.stop()
      await world.close()
    }
  }, 60_000)
})
