import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { openTransparentListener } from '@tunnel/linux'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { addNeighbour, type Neighbour } from './testing-host/neighbour.ts'
import { openWorld, type World } from './testing-host/interceptor-world.ts'
import { client } from '../../../tooling/src/testing-host/clients.ts'
import { enterOwnHost, ip, noNetwork, ownAddress, run } from '../../../tooling/src/testing-host/own-network.ts'
import { tableOf, wanted } from '@tunnel/core/testing'

const pool = ['100.64.0.0/10', 'fd64::/64']
const names = { addressesOf: () => pool, poolRanges: pool }
const both = tableOf(wanted('both', { to: ['203.0.113.0/24', 'fd09::/64', '*.ziti'], ports: [1, 65_535], protocols: ['tcp', 'udp'] }))
let neighbour: Neighbour
let open: World[] = []

async function world(options: Parameters<typeof openWorld>[0]): Promise<World> {
  const opened = await openWorld(options)
  open.push(opened)
  return opened
}

const nc = (address: string, port: number) => client('nc', ['-N', '-w', '2', address, String(port)], 'x')

async function fromNeighbour(program: string, ...words: string[]): Promise<string> {
  const child = neighbour.start(program, ...words)
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stdin?.end('x')
  await once(child, 'close')
  return text
}

async function until(world: World, condition: () => unknown): Promise<void> {
  for (const deadline = Date.now() + 6_000; !condition(); world.clock.advance(200)) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const setting = (path: string, value: string): void => writeFileSync(`/proc/sys/net/${path}`, value)

describe.skipIf(noNetwork)('hosts as they are', () => {
  beforeAll(async () => {
    enterOwnHost()
    neighbour = await addNeighbour()
    neighbour.run('ip', '-6', 'addr', 'add', 'fe80::77/64', 'dev', 'up1', 'nodad')
    neighbour.run('ip', '-6', 'route', 'replace', 'default', 'via', 'fe80::1', 'dev', 'up1')
    return () => neighbour.close()
  })
  afterEach(async () => {
    for (const opened of open.splice(0)) await opened.close()
    open = []
  })

  describe.each(['nftables', 'iptables'] as const)('%s', (firewall) => {
    it('without IPv6 they are served over IPv4, and over IPv6 from when it is switched on', async () => {
      // /proc/sys is that of the thread that opens it: a child is in our network.
      const switchIpv6 = (off: 0 | 1): string => run('sh', '-c', `echo ${off} > /proc/sys/net/ipv6/conf/lo/disable_ipv6`)
      switchIpv6(1)
      const opened = await world({ firewall, ...names })
      const { applied, failed } = await opened.tproxy.apply(both)
      expect(failed.map(({ error }) => error.code)).toEqual(['tproxy.no-ipv6'])
      expect(applied.filter((line) => line.includes('fd'))).toEqual([])
      expect(await nc('203.0.113.5', 80)).toBe('203.0.113.5 80\nx')
      expect(await nc('100.64.7.7', 80)).toBe('100.64.7.7 80\nx')
      switchIpv6(0)
      await until(opened, () => opened.logged.some((line) => line.includes('intercepting tcp [fd09::/64]')))
      expect(await nc('fd09::5', 80)).toBe('fd09::5 80\nx')
      switchIpv6(1)
      await until(opened, () => opened.logged.some((line) => line.includes('stopped intercepting tcp [fd09::/64]')))
      expect(await nc('203.0.113.5', 80)).toBe('203.0.113.5 80\nx')
      switchIpv6(0)
    })

    it('an IPv6 address that is looked for elsewhere still becomes the source when it is ours', async () => {
      ip('-6 addr del 2001:db8::1/64 dev up0')
      ip('-6 addr add 2001:db8::1/64 dev up0')
      const opened = await world({ firewall, ...names })
      expect((await opened.tproxy.apply(both)).failed).toEqual([])
      await until(opened, () => ip('-6 route show table 3133720').includes(`src ${ownAddress.v6}`))
      expect(await nc('fd64::5', 80)).toBe('fd64::5 80\nx')
      ip('-6 route replace default via 2001:db8::ffff')
    })

    it('routes and rules that a dead instance has left in our tables make room', async () => {
      ip('route add local 203.0.113.0/24 dev lo table 3133740 proto 122')
      ip('rule add pref 64 fwmark 0x1/0x1 lookup 3133740 proto 122')
      ip('route add local 203.0.113.99 dev lo table 3133741 proto 122')
      const { tproxy, logged } = await world({ firewall })
      expect((await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.0/24', ports: 80 })))).failed).toEqual([])
      expect(logged).toContain('warn removed 2 routes and rules that an instance which died had left in our tables')
      expect(ip('route show table 3133741')).toContain('203.0.113.99')
      ip('route flush table 3133741')
    })

    it('neighbours are served where packets are judged by the way back that their mark has (wg-quick, firewalld)', async () => {
      setting('ipv4/conf/all/rp_filter', '1')
      setting('ipv4/conf/all/src_valid_mark', '1')
      run('nft', 'add table inet judge')
      run('nft', 'add chain inet judge back { type filter hook prerouting priority -140; }')
      run('nft', 'add rule inet judge back icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept')
      run('nft', 'add rule inet judge back meta nfproto ipv6 fib saddr . mark . iif oif missing drop')
      try {
        const { tproxy } = await world({ firewall })
        await tproxy.apply(both)
        expect(await fromNeighbour('nc', '-N', '-w', '2', '203.0.113.5', '80')).toBe('203.0.113.5 80\nx')
        expect(await fromNeighbour('nc', '-N', '-w', '2', 'fd09::5', '80')).toBe('fd09::5 80\nx')
        expect(await fromNeighbour('socat', '-t', '0.3', '-', 'UDP4:203.0.113.5:9')).toBe('x')
        // The chains of iptables run before firewalld's: LIMITS.md.
        if (firewall === 'nftables') expect(await nc('fd09::5', 80)).toBe('fd09::5 80\nx')
      } finally {
        run('nft', 'delete table inet judge')
        setting('ipv4/conf/all/rp_filter', '0')
        setting('ipv4/conf/all/src_valid_mark', '0')
      }
    })

    it('flows of clients with link-local addresses live on when their service goes', async () => {
      const { tproxy, seen } = await world({ firewall })
      await tproxy.apply(both)
      const child = neighbour.start('socat', '-t', '0.5', '-', 'TCP6:[fd09::5]:80,bind=[fe80::77%up1]')
      let text = ''
      child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
      await once(child.stdout!, 'data')
      expect(seen()[0]).toContain('from fe80::77%up0')
      expect((await tproxy.apply(tableOf())).failed).toEqual([])
      child.stdin?.end('after')
      await once(child, 'close')
      expect(text).toBe('fd09::5 80\nafter')
    }, 10_000)
  })

  it('nftables: what a Go tunneler beside it has in the same range stays its own, whoever came first', async () => {
    const theirs = openTransparentListener({ address: '127.0.0.1' })
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.write('theirs\n')
      socket.pipe(socket)
    })
    server.listen({ fd: theirs.fd })
    const chain = (...words: string[]): string => run('iptables', '-t', 'mangle', ...words)
    try {
      const { tproxy } = await world({ firewall: 'nftables', ...names })
      await tproxy.apply(tableOf(wanted('wild', { to: '*.ziti', ports: [1, 65_535], protocols: ['tcp', 'udp'] })))
      ip('addr add 100.64.0.1/10 dev lo scope host')
      chain('-N', 'GO-INTERCEPT')
      chain('-A', 'PREROUTING', '-j', 'GO-INTERCEPT')
      const toThem = ['-j', 'TPROXY', '--on-ip', '127.0.0.1', '--on-port', String(theirs.port), '--tproxy-mark', '0x1/0x1']
      chain('-A', 'GO-INTERCEPT', '-d', '100.64.0.9/32', '-p', 'tcp', '--dport', '80', ...toThem)
      const ncOutside: typeof nc = (address, port) => fromNeighbour('nc', '-N', '-w', '2', address, String(port))
      for (const asks of [nc, ncOutside]) {
        expect(await asks('100.64.0.9', 80)).toBe('theirs\nx')
        expect(await asks('100.64.0.9', 81)).toBe('100.64.0.9 81\nx')
        expect(await asks('100.64.7.7', 80)).toBe('100.64.7.7 80\nx')
      }
      expect(await client('socat', ['-t', '0.3', '-', 'UDP4:100.64.7.7:9'], 'x')).toBe('x')
    } finally {
      server.close()
      chain('-D', 'PREROUTING', '-j', 'GO-INTERCEPT')
      chain('-F', 'GO-INTERCEPT')
      chain('-X', 'GO-INTERCEPT')
      ip('addr del 100.64.0.1/10 dev lo')
    }
  })

  it('nftables: many ranges go at once and without a wait; others, and open flows, stay', async () => {
    const { tproxy } = await world({ firewall: 'nftables' })
    const ranges = Array.from({ length: 8_000 }, (_, index) => wanted(`range ${index}`, { to: `10.${index >> 8}.${index & 255}.0/28`, ports: [80, 90] }))
    const rest = wanted('rest', { to: '10.200.0.0/16', ports: [80, 90] })
    await tproxy.apply(tableOf(...ranges, rest))
    const child = neighbour.start('nc', '-N', '-w', '5', '10.0.7.3', '81')
    await once(child.stdout!, 'data')
    const start = performance.now()
    await tproxy.apply(tableOf(rest))
    // Emptied instead of made anew it takes three seconds on an idle machine.
    expect(performance.now() - start).toBeLessThan(2_000)
    expect(await nc('10.200.0.1', 85)).toBe('10.200.0.1 85\nx')
    expect(run('nft', 'list', 'set', 'inet', 'ziti-tunnel', 'to4')).not.toContain('10.0.')
    child.stdin?.end('still there')
    expect(String((await once(child.stdout!, 'data'))[0])).toBe('still there')
  })

  const chains = (program = 'iptables'): string => ['mangle', 'filter'].map((table) => run(program, '-t', table, '-S')).join('')

  describe('iptables', () => {
    it('chains that a dead instance has left make room', async () => {
      run('sh', '-c', "printf '*mangle\\n-N NF-INTERCEPT\\n-A NF-INTERCEPT -m comment --comment ziti-tunnel -j RETURN\\n-A PREROUTING -m comment --comment ziti-tunnel -j NF-INTERCEPT\\nCOMMIT\\n' | iptables-restore --noflush")
      const { tproxy } = await world({ firewall: 'iptables' })
      expect((await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))).failed).toEqual([])
      expect(await nc('203.0.113.5', 80)).toBe('203.0.113.5 80\nx')
      expect(run('iptables', '-t', 'mangle', '-S', 'PREROUTING').match(/NF-INTERCEPT/g)).toHaveLength(1)
    })

    it('all chains are restored: a rule exchanged for another, the filter flushed', async () => {
      const { tproxy, clock } = await world({ firewall: 'iptables', lanInterfaces: ['up0'] })
      await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))
      const inspect = async (): Promise<void> => {
        clock.advance(30_000)
        // Any apply comes behind it.
        await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))
      }
      await inspect()
      const whole = [chains(), chains('ip6tables')]
      run('iptables', '-t', 'mangle', '-R', 'NF-INTERCEPT', '2', '-j', 'ACCEPT')
      run('iptables', '-F')
      run('iptables', '-X')
      run('ip6tables', '-F')
      await inspect()
      expect([chains(), chains('ip6tables')].map(sorted)).toEqual(whole.map(sorted))
    })

    it('nothing is made again when the host has been restored', async () => {
      const before = [chains(), chains('ip6tables'), ip('route show table all proto 122'), ip('rule')]
      const { tproxy, host, clock } = await world({ firewall: 'iptables', lanInterfaces: ['up0'] })
      await tproxy.apply(both)
      expect(await fromNeighbour('socat', '-t', '0.3', '-', 'UDP4:203.0.113.5:9')).toBe('x')
      await tproxy.close()
      expect(tproxy.stats.lingeringFlows).toBe(1)
      await host.restore()
      clock.advance(300_000)
      clock.advance(1)
      expect(tproxy.stats.lingeringFlows).toBe(0)
      clock.advance(1_000)
      await tproxy.close()
      expect([chains(), chains('ip6tables'), ip('route show table all proto 122'), ip('rule')]).toEqual(before)
    })

    it('a chain whose link somebody has removed is removed all the same', async () => {
      const before = chains()
      const { tproxy } = await world({ firewall: 'iptables', lanInterfaces: ['up0'] })
      await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))
      run('iptables', '-t', 'mangle', '-F', 'PREROUTING')
      run('iptables', '-F', 'INPUT')
      await tproxy.close()
      expect(chains()).toBe(before)
    })
  })

  it('--lanIf on a host without iptables leaves nothing to undo', async () => {
    const { PATH } = process.env
    process.env.PATH = '/nowhere'
    try {
      const { tproxy, host, logged } = await openWorld({ firewall: 'nftables', lanInterfaces: ['up0'] })
      expect((await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))).failed).toEqual([])
      expect(logged.filter((line) => line.includes('could not'))).toHaveLength(2)
      await tproxy.close()
      expect(await host.restore()).toMatchObject({ failed: [], remaining: [] })
    } finally {
      process.env.PATH = PATH
    }
  })
})

/** Which of two chains was made first is nobody's business. */
const sorted = (listing: string): string[] => listing.split('\n').sort()
