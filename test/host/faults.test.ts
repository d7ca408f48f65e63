import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dumpDifference, dumpHost } from '../support/netns/host-dump.ts'
import { hasNamespaces, type Namespace } from '../support/netns/namespace.ts'
import { createWorld, type World } from '../support/netns/world.ts'
import type { Running } from '../support/programs.ts'

const echo = (protocol: 'tcp' | 'udp'): string => `${protocol}:127.0.0.1:7`
const everyPort = [[1, 65_535]] as const

/**
 * A tunneler among bad services, hostile questions and people who change its host: what is good goes on, what is bad is one line,
 * and in the end the host is as it was.
 */
describe.skipIf(!hasNamespaces).each(['nftables', 'iptables'])('with %s, while it runs', (firewall) => {
  let world: World
  let tunneler: Running
  let clean: string

  beforeAll(async () => {
    world = await createWorld()
    const { far } = world
    await far.call('echo', 7)
    await far.call('dns', { 'upstream.test': { A: '10.55.0.1' } })
    await world.service('good', { addresses: ['good.ziti', '10.200.0.80', 'fd77::80'], ports: [7] }, echo('tcp'))
    await world.service('datagrams', { addresses: ['10.202.0.7', 'fd79::7'], ports: [7], protocols: ['udp'] }, echo('udp'))
    await world.service('picky', { addresses: ['10.203.0.1'], ports: [7], allowedSourceAddresses: ['10.55.0.2/32'] }, echo('tcp'))
    await world.service('of the host', { addresses: ['10.55.0.2', '10.204.0.1'], ports: [7] }, echo('tcp'))
    await world.service('network of the controller', { addresses: ['10.55.0.0/24'], ports: everyPort }, echo('tcp'))
    for (const [name, config] of Object.entries({
      'no list': { protocols: ['tcp'], addresses: 'all of them', portRanges: [{ low: 1, high: 2 }] },
      'no port': { protocols: ['tcp'], addresses: ['10.9.0.1'], portRanges: [{ low: 9, high: 1e9 }] },
      'no protocol': { protocols: ['sctp'], addresses: ['10.9.0.2'], portRanges: [{ low: 9, high: 9 }] },
      'no name': { protocols: ['tcp'], addresses: [`${'x'.repeat(70)}.ziti`], portRanges: [{ low: 9, high: 9 }] },
    })) {
      await far.call('service', name, { dial: ['me'], hostedBy: { target: echo('tcp') }, configs: { 'intercept.v1': config } })
    }
    clean = await dumpHost(world.host)
    const words = ['--firewall', firewall, '--configure-resolver', '--svcPollRate', '0.5', '--log-formatter', 'pretty']
    tunneler = world.tunneler('run', ...words, world.identity)
    await tunneler.line(/adding good\.ziti/)
  }, 60_000)
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.log(task.name, tunneler.lines.filter((line) => !/adding|removing|starting|stopping|hostable/.test(line)).slice(-12).join('\n'))
  })
  afterAll(async () => {
    await tunneler?.stop()
    await world?.close()
  })

  const patiently = { timeout: 10_000, interval: 50 }
  const shell = async (command: string): Promise<string> => (await world.host.run('sh', ['-c', command])).stdout
  const mentions = (pattern: RegExp): string[] => tunneler.lines.filter((line) => pattern.test(line))

  async function ask(place: string, where: Namespace = world.host): Promise<string> {
    const family = place.startsWith('[') ? 'TCP6' : 'TCP4'
    return (await where.run('socat', ['-t', '3', '-', `${family}:${place},connect-timeout=1.5`], { input: place })).stdout
  }
  const echoes = async (...places: readonly string[]): Promise<void> => expect(await Promise.all(places.map((place) => ask(place)))).toEqual(places)
  const goodOnes = ['good.ziti:7', '10.200.0.80:7', '[fd77::80]:7'] as const

  describe('bad services', () => {
    it.each([
      ['no list', /service "no list": intercept\.v1, addresses: /],
      ['no port', /service "no port": intercept\.v1, portRanges\[0\]\.high: /],
      ['no protocol', /service "no protocol": intercept\.v1, protocols\[0\]: /],
      ['no name', /x{10}.*ziti/],
      ['of the host', /10\.55\.0\.2.*address of this host/],
    ])('%s: one line', async (name, pattern) => {
      const about = new RegExp(`(WARNING|ERROR) .*service=\\[${name}\\]`)
      await tunneler.line(about)
      expect(mentions(about)).toEqual([expect.stringMatching(pattern)])
    })

    it('are no harm to the others, nor to their own good addresses', () => echoes(...goodOnes, '10.204.0.1:7'))

    it('are named by status', async () => {
      const { stdout } = await world.host.run(world.program[0] ?? '', [...world.program.slice(1), 'status', '--json'])
      const [status] = JSON.parse(stdout) as [{ failed: Record<string, string>; intercepts: { service: string }[]; dns: { addresses: string[] }; counters: Record<string, number> }]
      expect(Object.keys(status.failed).toSorted()).toEqual(expect.arrayContaining(['no list', 'no name', 'no port', 'no protocol', 'of the host']))
      expect(status.intercepts.map(({ service }) => service)).toContain('good')
      expect(status.dns.addresses).toContain('udp://127.0.0.1:53')
      expect(status.counters['flows.opened']).toBeGreaterThan(0)
    })
  })

  describe('the overlay never enters the tunnel', () => {
    it('though a service has the network of the controller', async () => {
      expect(mentions(/10\.55\.0\.0\/24.*contains 10\.55\.0\.2 of this host, which is left alone/)).toHaveLength(1)
      await echoes('10.55.0.99:1234')
      expect(await world.far.call('dropChannels', 'me')).toBeGreaterThan(0)
      await world.far.call('restartController')
      await world.service('later', { addresses: ['later.ziti'], ports: [7] }, echo('tcp'))
      await tunneler.line(/adding later\.ziti/)
      await echoes('later.ziti:7', ...goodOnes)
    })

    it('though services have 0.0.0.0/1 and ::/1', async () => {
      await world.service('half of everything', { addresses: ['0.0.0.0/1', '::/1'], ports: everyPort }, echo('tcp'))
      await tunneler.line(/starting tunnel .* half of everything/)
      await expect.poll(() => ask('99.1.2.3:4444'), patiently).toBe('99.1.2.3:4444')
      expect(await ask('[1234::1]:4444')).toBe('[1234::1]:4444')
      expect(await world.far.call('dropChannels', 'me')).toBeGreaterThan(0)
      await world.far.call('killRouter')
      await world.far.call('startRouter')
      await world.far.call('restartController')
      await expect.poll(() => ask('99.1.2.3:4444'), patiently).toBe('99.1.2.3:4444')
      await expect.poll(() => Promise.all(goodOnes.map((place) => ask(place))), patiently).toEqual(goodOnes)
      expect(await shell('dig +short +tries=1 +time=2 upstream.test')).toBe('10.55.0.1\n')
      await world.far.call('deleteService', 'half of everything')
      await tunneler.line(/stopping tunnel .* half of everything/)
      await expect.poll(() => shell('ip route get 99.1.2.3'), patiently).toContain('via 10.55.0.1')
    })
  })

  it('takes connections of the allowed sources only', async () => {
    await echoes('10.203.0.1:7')
    expect(await ask('10.200.0.80:7', world.lan)).toBe('10.200.0.80:7')
    expect(await ask('10.203.0.1:7', world.lan)).toBe('')
  })

  // Over IPv6, what `lo` carries in one piece: its fragments meet no firewall rule while connection tracking is at work.
  it.each([['UDP4:10.202.0.7:7', 65_507], ['UDP6:[fd79::7]:7', 65_488]])('carries a datagram to %s of %i bytes whole, both ways', async (target, size) => {
    await world.host.must('sh', '-c', `head -c ${size} /dev/urandom > /run/datagram`)
    const sent = await shell('sha256sum < /run/datagram')
    expect(await shell(`socat -b 65536 -t 1 - ${target} < /run/datagram | sha256sum`)).toBe(sent)
  })

  it('keeps flows while many services come and go', async () => {
    const numbers = Array.from({ length: 30 }, (_, index) => String(index))
    const slowly = 'for i in $(seq 30); do echo $i; sleep 0.1; done | socat -t 5 - TCP4:10.200.0.80:7'
    const talk = Promise.all([shell(slowly), shell(slowly.replace('10.200.0.80', 'good.ziti'))])
    for (const round of ['a', 'b']) {
      await Promise.all(numbers.map((each) => world.service(`${round}${each}`, { addresses: [`${round}${each}.ziti`, `10.210.${each}.1`], ports: [7, [100, 200]] }, echo('tcp'))))
      await tunneler.line(new RegExp(`adding ${round}29\\.ziti`))
      await echoes(`${round}29.ziti:7`, '10.210.29.1:150')
      await Promise.all(numbers.map((each) => world.far.call('deleteService', `${round}${each}`)))
      await tunneler.line(new RegExp(`removing ${round}29\\.ziti`))
    }
    const said = Array.from({ length: 30 }, (_, index) => `${index + 1}\n`).join('')
    expect(await talk).toEqual([said, said])
    await expect.poll(() => ask('10.210.29.1:150'), patiently).toBe('')
    expect((await shell('nft list ruleset')).match(/10\.210\./g)).toBeNull()
  })

  it('answers good questions among hostile ones', async () => {
    const head = (questions: string): string => `\\x12\\x34\\x01\\x00${questions}\\x00\\x00\\x00\\x00\\x00\\x00`
    const one = head('\\x00\\x01')
    const hostile = [
      '', '\\x00', '\\x12\\x34\\x01', one, `${one}\\xc0\\x0c\\x00\\x01\\x00\\x01`, `${one}\\xc0\\xff\\x00\\x01\\x00\\x01`, head('\\xff\\xff'), head('\\x00\\x00'),
      `${one}${'\\x3f' + 'a'.repeat(63)}`.repeat(1), `${one}${`\\x3f${'a'.repeat(63)}`.repeat(5)}\\x00\\x00\\x01\\x00\\x01`, `${one}\\x04good\\x04ziti\\x00\\x00\\x01\\x00\\x01trailing`,
    ]
    const udp = hostile.map((message) => `printf '${message}' > /dev/udp/127.0.0.1/53`)
    const tcp = ['\\xff\\xff', '\\x00\\x00', '\\x00\\x01\\x00', `\\x00\\x05${one}`].map((message) => `timeout 1 bash -c "printf '${message}' > /dev/tcp/127.0.0.1/53"`)
    await world.host.run('bash', ['-c', [...udp, ...tcp, 'head -c 60000 /dev/urandom > /dev/udp/127.0.0.1/53', 'head -c 200000 /dev/urandom > /dev/tcp/127.0.0.1/53'].join('\n')])
    for (const transport of ['+notcp', '+tcp']) expect(await shell(`dig ${transport} +short good.ziti`)).toMatch(/^100\./)
    expect(await shell('dig +noall +comments GOOD.ziti TYPE65')).toContain('status: NOERROR')
    expect(mentions(/FATAL|fault of ziti-tunnel/)).toEqual([])
  })

  describe('when somebody changes the host', () => {
    it('routes and rules are there again, and it is said', async () => {
      await shell('for t in 3133700 3133720 3133740; do ip route flush table $t; ip -6 route flush table $t; done; ip rule del pref 100; ip -6 rule del pref 100; ip rule del pref 64')
      await tunneler.line(/WARNING .*somebody removed \d+ of our routes and rules: they are restored/)
      await expect.poll(() => Promise.all(goodOnes.map((place) => ask(place))), patiently).toEqual(goodOnes)
    })

    it('resolv.conf asks us again, and what it says new is asked for the rest', async () => {
      await shell("printf '# mine now\\nnameserver 10.55.0.1\\n' > /etc/resolv.conf")
      await tunneler.line(/somebody changed the host's resolver, setting it again/)
      await expect.poll(() => shell('getent hosts good.ziti | wc -l'), patiently).toBe('1\n')
      expect(await shell('getent ahostsv4 upstream.test')).toContain('10.55.0.1')
    })

    it(firewall === 'nftables' ? 'its table stays, and the iptables of others are none of its business' : 'iptables rules are there again within half a minute, and it is said', async () => {
      await shell('nft flush ruleset')
      if (firewall === 'nftables') return echoes(...goodOnes)
      await tunneler.line(/WARNING .*somebody changed our iptables rules: they are restored/, 35)
      await echoes(...goodOnes)
    }, 60_000)
  })

  it('and in the end the host is as it was', async () => {
    expect(await tunneler.stop()).toBe(0)
    // What somebody else has written meanwhile is theirs.
    expect(await shell('cat /etc/resolv.conf')).toBe('# mine now\nnameserver 10.55.0.1\n')
    await shell("printf 'nameserver 10.55.0.1\\n' > /etc/resolv.conf")
    expect(dumpDifference(clean, await dumpHost(world.host))).toEqual([])
  })
})
