import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces } from '../support/netns/namespace.ts'
import { createWorld, type World } from '../support/netns/world.ts'
import type { Finished, Running } from '../support/programs.ts'

/** What this host lacks, or what stands in the way, is one clear line; and after each of these runs the host is as it was. */
describe.skipIf(!hasNamespaces)('a start', () => {
  let world: World
  let clean: string
  const running = new Set<Running>()

  beforeAll(async () => {
    world = await createWorld()
    await world.far.call('echo', 7)
    await world.far.call('dns', { 'upstream.test': { A: '10.55.0.1' } })
    await world.service('web', { addresses: ['web.ziti', '10.200.0.80', 'fd77::80'], ports: [7] }, 'tcp:127.0.0.1:7')
    clean = await dumpHost(world.host)
  }, 60_000)
  afterEach(async () => {
    await Promise.all([...running].map((each) => each.stop()))
    running.clear()
    await unchanged()
  })
  afterAll(() => world?.close())

  const unchanged = async (): Promise<void> => expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])

  /** Runs the program to its end, as it would be run behind `prefix` (`setpriv`, `env`). */
  const finish = (words: readonly string[], prefix: readonly string[] = []): Promise<Finished> => {
    const [command = '', ...rest] = [...prefix, ...world.program, ...words]
    return world.host.run(command, rest, { seconds: 20 })
  }
  const lastLine = ({ stderr }: Finished): { level: string; msg: string; code?: string } => JSON.parse(stderr.trim().split('\n').at(-1) ?? '{}')

  function start(...words: readonly string[]): Running {
    const tunneler = world.tunneler('--log-formatter', 'pretty', ...words)
    running.add(tunneler)
    return tunneler
  }

  async function echoes(place = 'web.ziti:7', by = 'TCP4'): Promise<void> {
    expect((await world.host.run('socat', ['-t', '5', '-', `${by}:${place}`], { input: place })).stdout).toBe(place)
  }

  const withoutNetAdmin = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin', '--']

  it.each(['run', 'tproxy'])('%s without CAP_NET_ADMIN says how to have it, before it touches anything', async (command) => {
    const finished = await finish([command, '-i', world.identity], withoutNetAdmin)
    expect(finished.code).toBe(1)
    expect(lastLine(finished)).toMatchObject({ level: 'fatal', code: 'cli.no-privilege', msg: expect.stringMatching(/CAP_NET_ADMIN: run it with sudo, or .*ziti-tunnel proxy/) })
    expect(finished.stderr.trim().split('\n')).toHaveLength(1)
  })

  it('without nft, iptables and every other program works all the same: nf_tables is spoken to directly', async () => {
    const tunneler = world.host.start('env', ['PATH=/nowhere', ...world.program, 'run', '--configure-resolver', world.identity])
    running.add(tunneler)
    await tunneler.line(/adding web\.ziti/)
    await echoes()
  })

  it('beside a foreign table of our name takes the other firewall, and leaves the table alone', async () => {
    await world.host.must('nft', 'add table inet ziti-tunnel; add chain inet ziti-tunnel theirs')
    const tunneler = start('run', '--configure-resolver', world.identity)
    expect(await tunneler.line(/trying iptables/)).toMatch(/nftables cannot be used, trying iptables: .*ziti-tunnel exists already/)
    await tunneler.line(/adding web\.ziti/)
    await echoes()
    await tunneler.stop()
    expect(await world.host.must('nft', 'list', 'table', 'inet', 'ziti-tunnel')).toContain('chain theirs')
    await world.host.must('nft', 'delete', 'table', 'inet', 'ziti-tunnel')
  })

  describe('with port 53 in use', () => {
    let dnsmasq: Running
    beforeAll(async () => {
      dnsmasq = world.host.start('dnsmasq', ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--bind-interfaces', '--listen-address=127.0.0.1'])
      await dnsmasq.line(/started/)
    })
    afterAll(() => dnsmasq?.stop())

    it('names who has it, and a way around that works', async () => {
      const failed = await finish(['run', '--configure-resolver', world.identity])
      expect(failed.code).toBe(1)
      const { msg, code } = lastLine(failed)
      expect(code).toBe('dns.port-in-use')
      const [, holder, remedy = ''] = /cannot listen on 127\.0\.0\.1:53: (.*) has that port\. .*\((--resolver \S+)\)/.exec(msg) ?? []
      expect(holder).toMatch(/^dnsmasq \(pid \d+\)$/)
      const tunneler = start('run', '--configure-resolver', ...remedy.split(' '), world.identity)
      await tunneler.line(/adding web\.ziti/)
      await echoes()
    })

    it('doctor warns of it', async () => {
      const { code, stdout } = await finish(['doctor', '-i', world.identity])
      expect(stdout).toMatch(/^warn +port 53 on 127\.0\.0\.1 +taken by dnsmasq \(pid \d+\)\n +-> .*--resolver udp:/m)
      expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, 'Ready, with 1 warning.'])
    })
  })

  it.each(['nftables', 'iptables'])('--plan with %s prints what run does, each with its undo, and changes nothing', async (firewall) => {
    const { code, stdout } = await finish(['run', '--plan', '--firewall', firewall, '--configure-resolver', world.identity])
    expect(code).toBe(0)
    for (const part of ['/etc/resolv.conf: nameserver 127.0.0.1 first', 'listen on 127.0.0.1:53', 'add route local 100.64.0.0/10', "10.200.0.80:7 for service 'web'"]) expect(stdout).toContain(part)
    const changes = stdout.match(/^ +\d+ {2}\S/gm)?.length
    expect(stdout).toMatch(new RegExp(`^${changes} changes would be made:`))
    expect(stdout.match(/^ +undo: \S/gm)).toHaveLength(changes ?? 0)
    expect(stdout.trimEnd().endsWith('Nothing was changed.')).toBe(true)
    await unchanged()
  })

  it('doctor on a host that has all: one line each, and 0', async () => {
    const { code, stdout } = await finish(['doctor', '-i', world.identity])
    expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, 'Ready.'])
    const checks = ['CAP_NET_ADMIN', 'nftables', 'iptables', 'transparent sockets', 'port 53', 'resolver', 'state', 'identity', 'controller', 'clock', 'login', 'router']
    for (const check of checks) expect(stdout).toMatch(new RegExp(`^ok +${check}`, 'm'))
    expect(stdout.split('\n').length).toBeLessThan(26)
  })

  it('doctor says what is wrong, with the remedy beside it, and ends with 1', async () => {
    const nobody = join(dirname(world.identity), 'nobody.json')
    const stranger = join(dirname(world.identity), 'stranger.json')
    writeFileSync(stranger, JSON.stringify({ ...JSON.parse(readFileSync(world.identity, 'utf8')), ztAPI: 'https://10.55.0.1:1/edge/client/v1', ztAPIs: [] }))
    const { code, stdout } = await finish(['doctor', '--json', '-i', stranger], withoutNetAdmin)
    const checks = JSON.parse(stdout) as { name: string; state: string; remedy?: string }[]
    expect(code).toBe(1)
    expect(checks.filter(({ state }) => state === 'fail').map(({ name }) => name)).toEqual(['CAP_NET_ADMIN', 'controller'])
    for (const { state, remedy } of checks) if (state === 'fail') expect(remedy).toMatch(/\w/)
    // What cannot be known without it says so, and its remedy is said once.
    for (const check of ['nftables', 'iptables']) expect(checks).toContainEqual({ name: check, state: 'warn', detail: 'cannot be tried without CAP_NET_ADMIN' })
    const missing = await finish(['doctor', '-i', nobody])
    expect([missing.code, missing.stdout]).toEqual([1, expect.stringMatching(/^fail +identity +.*nobody\.json does not exist/m)])
  })

  it('status without a tunneler says so, and ends with 1', async () => {
    const finished = await finish(['status'])
    expect([finished.code, lastLine(finished).code]).toEqual([1, 'status.none'])
  })

  it.each(['nftables', 'iptables'])('a kill of everything at once leaves what cleanup undoes (%s)', async (firewall) => {
    const tunneler = start('run', '--firewall', firewall, '--configure-resolver', world.identity)
    await tunneler.line(/adding web\.ziti/)
    for (const pid of [tunneler.pid, ...childrenOf(tunneler.pid)]) process.kill(pid, 'SIGKILL')
    await tunneler.exited
    expect(dumpDifference(clean, await dumpHost(world.host))).not.toEqual([])
    expect((await finish(['cleanup', '--dry-run'])).stdout).toMatch(/^ziti-tunnel with pid \d+: \d+ changes would be undone/)
    const { code, stdout } = await finish(['cleanup'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ziti-tunnel with pid \d+: \d+ changes undone\n$/)])
    await unchanged()
    expect((await finish(['cleanup'])).stdout).toMatch(/^Nothing is left to undo/)
  })

  describe('beside a first tunneler', () => {
    let identity: string
    beforeAll(async () => {
      identity = join(dirname(world.identity), 'second.json')
      writeFileSync(identity, JSON.stringify(await world.far.call('identity', 'second')))
      const configs = { 'intercept.v1': { protocols: ['tcp'], addresses: ['second.ziti', '10.205.0.1'], portRanges: [{ low: 7, high: 7 }] } }
      await world.far.call('service', 'second', { dial: ['second'], hostedBy: { target: 'tcp:127.0.0.1:7' }, configs })
    })

    it.each(['nftables', 'iptables'])('has a chain, a mark and a table of its own; both work, and each leaves nothing (%s)', async (firewall) => {
      const first = start('run', '--firewall', firewall, '--configure-resolver', world.identity)
      await first.line(/adding web\.ziti/)
      const alone = await dumpHost(world.host)
      const second = start('run', '--firewall', firewall, '--resolver', 'file:///etc/hosts', identity)
      await second.line(/adding second\.ziti/)
      const ruleset = await world.host.must('nft', 'list', 'ruleset')
      for (const chain of ['NF-INTERCEPT', 'NF-INTERCEPT-2']) expect(ruleset).toContain(`chain ${chain} {`)
      expect(await world.host.must('ip', 'rule', 'show')).toMatch(/^101:/m)
      await Promise.all(['web.ziti:7', 'second.ziti:7', '10.200.0.80:7', '10.205.0.1:7'].map((place) => echoes(place)))
      const { stdout } = await finish(['status'])
      expect(stdout.match(/^ziti-tunnel \S+ run, pid \d+, running/gm)).toHaveLength(2)
      await second.stop()
      expect(dumpDifference(alone, await dumpHost(world.host))).toEqual([])
      await echoes()
    })

    it('`tun` has ranges of its own for names, of IPv4 and IPv6, and says so', async () => {
      await start('tun', '--configure-resolver', world.identity).line(/adding web\.ziti/)
      const second = start('tun', '--resolver', 'file:///etc/hosts', identity)
      await second.line(/names have addresses of 198\.18\.0\.0\/16 and fd7a:6974:6902::\/64 instead/)
      await second.line(/adding second\.ziti/)
      const third = start('tun', '--resolver', 'none', identity)
      await third.line(/names have addresses of 198\.19\.0\.0\/16 and fd7a:6974:6903::\/64 instead/)
      await third.line(/adding second\.ziti/)
      await Promise.all(['web.ziti', 'second.ziti'].flatMap((name) => [echoes(`${name}:7`), echoes(`${name}:7`, 'TCP6')]))
    })

    it('leaves the resolver to that one, and says what to do', async () => {
      await start('run', '--configure-resolver', world.identity).line(/adding web\.ziti/)
      const failed = await finish(['run', '--configure-resolver', '--resolver', 'udp://127.0.0.2:53', identity])
      expect([failed.code, lastLine(failed)]).toMatchObject([1, { code: 'resolver.taken', msg: expect.stringMatching(/-i, repeatable/) }])
      await echoes()
      const asked = await finish(['run', '--resolver', 'udp://127.0.0.2:53', identity])
      expect([asked.code, lastLine(asked)]).toMatchObject([1, { code: 'dns.self-test', msg: expect.stringMatching(/another ziti-tunnel .*-i, repeatable.* --resolver file:\/\/\/etc\/hosts;/) }])
      expect(asked.stderr).not.toMatch(/--configure-resolver/)
    })
  })
})

function childrenOf(pid: number): number[] {
  const parentOf = (name: string): number => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    } catch {
      return 0 // it has ended meanwhile
    }
  }
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid).map(Number)
  return children.flatMap((child) => [child, ...childrenOf(child)])
}
