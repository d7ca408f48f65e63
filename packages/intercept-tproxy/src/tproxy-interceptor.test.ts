import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { addNeighbour, type Neighbour } from './testing-host/neighbour.ts'
import { openWorld, type World } from './testing-host/interceptor-world.ts'
import { client, connected, echoed, nc, refusal, udpEcho, until } from '../../../tooling/src/testing-host/clients.ts'
import { servesOrdinaryPrograms } from '../../../tooling/src/testing-host/ordinary-programs.ts'
import { enterOwnHost, ip, noNetwork, ownAddress, run } from '../../../tooling/src/testing-host/own-network.ts'
import { tableOf, wanted } from '@tunnel/core/testing'

const forms = ['nftables', 'iptables'] as const
const pool = ['100.64.0.0/10', 'fd64::/64']
let neighbour: Neighbour
let open: World[] = []

async function world(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const opened = await openWorld(options)
  open.push(opened)
  return opened
}

describe.skipIf(noNetwork)('in a network of its own', () => {
  beforeAll(async () => {
    enterOwnHost()
    neighbour = await addNeighbour()
    return () => neighbour.close()
  })
  afterEach(async () => {
    for (const opened of open.splice(0)) await opened.close()
    open = []
  })

  describe.each(forms)('%s', (firewall) => {
    servesOrdinaryPrograms(async (options = {}) => {
      const { tproxy, seen } = await world({ firewall, ...options })
      return { seen, apply: (services) => tproxy.apply(tableOf(...Object.entries(services).map(([name, service]) => wanted(name, service)))), close: () => tproxy.close() }
    }, ownAddress)

    it('takes what neighbours send', async () => {
      const { tproxy, seen } = await world({ firewall })
      await tproxy.apply(tableOf(wanted('all', { to: ['203.0.113.0/24', 'fd09::/64'], ports: [1, 65_535], protocols: ['tcp', 'udp'] })))
      const said = async (program: string, ...words: string[]): Promise<string> => {
        const child = neighbour.start(program, ...words)
        let text = ''
        child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
        child.stdin?.end('hello')
        await once(child, 'close')
        return text
      }
      expect(await said('nc', '-N', '-w', '3', '203.0.113.9', '443')).toBe(echoed('203.0.113.9', 443))
      expect(await said('nc', '-N', '-w', '3', 'fd09::9', '443')).toBe(echoed('fd09::9', 443))
      expect(await said('socat', '-t', '0.3', '-', 'UDP4:203.0.113.9:53')).toBe('hello')
      expect(await said('socat', '-t', '0.3', '-', 'UDP6:[fd09::9]:53')).toBe('hello')
      expect(seen()[0]).toBe(`tcp 203.0.113.9 443 from ${neighbour.v4}`)
      expect(seen()[3]).toBe(`udp fd09::9 53 from ${neighbour.v6}`)
    })

    it('leaves this host its own addresses and loopback, within every range', async () => {
      const { tproxy, logged, seen } = await world({ firewall })
      const server = createServer((socket) => socket.end('mine')).listen(8080, '0.0.0.0')
      const { applied, failed } = await tproxy.apply(tableOf(
        wanted('range', { to: '192.0.2.0/24', ports: [1, 65_535] }),
        wanted('bad', { to: [ownAddress.v4, '192.0.2.9', '127.0.0.1'], ports: 99 }),
      ))
      expect(applied).toHaveLength(2)
      expect(failed.map(({ service, error }) => [service, error.code, error.message])).toEqual([
        ['bad', 'tproxy.address-local', expect.stringContaining(ownAddress.v4)],
        ['bad', 'tproxy.address-local', expect.stringContaining('127.0.0.1')],
      ])
      expect(logged.filter((line) => line.includes('left alone'))).toEqual([expect.stringContaining(ownAddress.v4)])
      expect(await nc(ownAddress.v4, 8080, '')).toBe('mine')
      expect(await nc('127.0.0.1', 8080, '')).toBe('mine')
      expect(await nc('192.0.2.9', 8080)).toBe(echoed('192.0.2.9', 8080))
      expect(seen()).toHaveLength(1)
      server.close()
    })

    it('takes only what allowed sources send', async () => {
      const { tproxy, seen } = await world({ firewall })
      await tproxy.apply(tableOf(wanted('some', { to: '203.0.113.5', ports: 80, from: [`${neighbour.v4}/32`, 'fd00::/8'] })))
      expect(neighbour.run('sh', '-c', 'echo hello | nc -N -w 1 203.0.113.5 80 || true')).toBe('')
      await until(() => seen().length > 0)
      expect(await Promise.race([refusal(80, '203.0.113.5'), new Promise((resolve) => setTimeout(() => resolve('silence'), 300))])).not.toBe('connected')
      expect(seen()).toEqual([`tcp 203.0.113.5 80 from ${neighbour.v4}`])
    })

    it('keeps UDP sessions alive after their service has gone, and takes no new ones', async () => {
      const { tproxy, requests, clock } = await world({ firewall })
      await tproxy.apply(tableOf(wanted('udp', { to: '203.0.113.5', ports: 9, protocols: ['udp'] }), wanted('other', { to: '203.0.113.6', ports: 9 })))
      const socket = createSocket('udp4')
      const says = async (text: string): Promise<string> => {
        socket.send(text, 9, '203.0.113.5')
        return String((await once(socket, 'message', { signal: AbortSignal.timeout(2_000) }))[0])
      }
      expect(await says('before')).toBe('before')
      await tproxy.apply(tableOf(wanted('other', { to: '203.0.113.6', ports: 9 })))
      expect(await says('after')).toBe('after')
      await expect(udpEcho('203.0.113.5', 9, [3], 200)).rejects.toThrow()
      expect(requests).toHaveLength(1)
      await tproxy.close()
      expect(await says('after close')).toBe('after close')
      expect(tproxy.stats).toMatchObject({ udpSessions: 1, lingeringFlows: 1 })
      clock.advance(300_000)
      await until(() => {
        clock.advance(1)
        return tproxy.stats.lingeringFlows === 0
      })
      socket.close()
    })

    it('does not look at its routes after removals of its own, but after those of somebody else', async () => {
      const { tproxy, clock, host } = await world({ firewall })
      const [web, db] = [wanted('web', { to: '203.0.113.5', ports: 80 }), wanted('db', { to: '203.0.113.6', ports: 80 })]
      await tproxy.apply(tableOf(web, db))
      const looks = vi.spyOn(host, 'hold')
      const look = async (): Promise<number> => {
        // What the kernel tells comes by the event loop.
        await new Promise((resolve) => setTimeout(resolve, 20))
        looks.mockClear()
        clock.advance(200)
        await tproxy.apply(tableOf(web))
        return looks.mock.calls.length
      }
      await tproxy.apply(tableOf(web))
      expect(await look()).toBe(0)
      ip('route add 198.51.100.0/24 dev lo table 4242')
      ip('route flush table 4242')
      expect(await look()).toBe(1)
    })

    it('notices and repairs what somebody else removes', async () => {
      const { tproxy, logged, clock } = await world({ firewall, addressesOf: () => ['100.64.3.3'], poolRanges: pool })
      await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 }), wanted('db', { to: 'db.ziti', ports: 80 })))
      const routes = ip('route show table all proto 122')
      ip('route flush table 3133720')
      ip('rule del pref 100')
      await until(() => {
        clock.advance(200)
        return ip('route show table all proto 122') === routes && ip('rule').includes('100:')
      })
      if (firewall === 'iptables') {
        run('iptables', '-t', 'mangle', '-F', 'PREROUTING')
        run('iptables', '-t', 'mangle', '-F', 'NF-INTERCEPT')
        run('iptables', '-t', 'mangle', '-D', 'NF-OUTPUT', '1')
        clock.advance(60_000)
        const rules = () => run('iptables', '-t', 'mangle', '-S')
        await until(() => /-A NF-INTERCEPT .* web /.test(rules()))
        expect(rules()).toContain('-A PREROUTING -m comment --comment ziti-tunnel -j NF-INTERCEPT')
        expect(rules()).toContain('-A NF-OUTPUT -m comment --comment ziti-tunnel -m mark')
      } else run('nft', 'flush', 'ruleset')
      expect(await nc('203.0.113.5', 80)).toBe(echoed('203.0.113.5', 80))
      expect(await nc('100.64.3.3', 80)).toBe(echoed('100.64.3.3', 80))
      expect(logged.filter((line) => line.startsWith('warn')).length).toBeGreaterThan(0)
    })

    it('follows the addresses of the host', async () => {
      const { tproxy, logged, clock } = await world({ firewall })
      await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 }), wanted('other', { to: '203.0.113.6', ports: 80 })))
      ip('addr add 203.0.113.5/32 dev lo')
      await until(() => {
        clock.advance(200)
        return logged.some((line) => line.includes('address of this host'))
      })
      ip('addr del 203.0.113.5/32 dev lo')
      await until(() => {
        clock.advance(200)
        return logged.some((line) => line.startsWith('info intercepting tcp 203.0.113.5:80'))
      })
      expect(await nc('203.0.113.5', 80)).toBe(echoed('203.0.113.5', 80))
    })

    it('leaves nothing behind', async () => {
      const dump = () => ['nft list ruleset', 'iptables-save', 'ip6tables-save', 'ip rule', 'ip -6 rule', 'ip route show table all', 'ip -6 route show table all', 'ss -Htuln'].map((words) => {
        const [program = '', ...rest] = words.split(' ')
        return run(program, ...rest).replaceAll(/^#.*$/gm, '')
      })
      const before = dump()
      const { tproxy } = await world({ firewall, lanInterfaces: ['up0'], addressesOf: () => pool, poolRanges: pool })
      await tproxy.apply(tableOf(wanted('a', { to: ['10.0.0.0/8', 'fd09::/64', '*.ziti'], ports: [1, 65_535], protocols: ['tcp', 'udp'] })))
      expect(await nc('10.1.1.1', 80)).toBe(echoed('10.1.1.1', 80))
      expect(dump()).not.toEqual(before)
      await tproxy.close()
      await open[0]!.host.restore()
      expect(dump()).toEqual(before)
    })
  })

  it('nftables: a server of this host goes on serving clients whose addresses are intercepted', async () => {
    const { tproxy, seen } = await world({ firewall: 'nftables' })
    const server = createServer((socket) => socket.end('served')).listen(0, '0.0.0.0')
    await once(server, 'listening')
    await tproxy.apply(tableOf(wanted('neighbours', { to: '192.0.2.0/24', ports: [1, 65_535], protocols: ['tcp', 'udp'] })))
    const { port } = server.address() as AddressInfo
    const child = neighbour.start('nc', '-w', '3', ownAddress.v4, String(port))
    child.stdin?.end()
    const [text] = await once(child.stdout!, 'data')
    expect(String(text)).toBe('served')
    expect(seen()).toEqual([])
    server.close()
  })

  it('nftables: literal addresses on ports that nobody intercepts are the network\'s as before', async () => {
    const { tproxy } = await world({ firewall: 'nftables' })
    await tproxy.apply(tableOf(wanted('web', { to: '192.0.2.77', ports: 80 })))
    const child = neighbour.start('nc', '-l', '-p', '81')
    await until(() => neighbour.run('ss', '-Htln').includes(':81'))
    const socket = await connected(81, '192.0.2.77')
    socket.end('through')
    const [text] = await once(child.stdout!, 'data')
    expect(String(text)).toBe('through')
  })

  it('dig asks a server that is intercepted', async () => {
    const { tproxy, requests } = await world()
    await tproxy.apply(tableOf(wanted('dns', { to: '203.0.113.53', ports: 53, protocols: ['tcp', 'udp'] })))
    // An echo is no answer, but dig says from whom it came, and of which id.
    expect(await client('dig', ['+tries=1', '+time=1', '@203.0.113.53', 'example.test'])).toMatch(/query response not set|203\.0\.113\.53#53/i)
    expect(requests[0]).toMatchObject({ protocol: 'udp', to: { address: '203.0.113.53', port: 53 } })
  })

  it('opens a firewall that refuses input, for neighbours', async () => {
    run('iptables', '-P', 'INPUT', 'DROP')
    const { tproxy, seen } = await world({ firewall: 'nftables', lanInterfaces: ['up0'] })
    await tproxy.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))
    expect(run('iptables', '-S')).toContain('-i up0')
    const child = neighbour.start('nc', '-N', '-w', '2', '203.0.113.5', '80')
    child.stdin?.end('x')
    expect(String((await once(child.stdout!, 'data'))[0])).toContain('203.0.113.5 80')
    expect(seen()).toHaveLength(1)
    run('iptables', '-P', 'INPUT', 'ACCEPT')
  })

  it('says in the original\'s words that iptables is missing', async () => {
    const { PATH } = process.env
    process.env.PATH = '/nowhere'
    try {
      await expect(world({ firewall: 'iptables' })).rejects.toMatchObject({
        code: 'tproxy.no-firewall',
        message: 'failed to initialize iptables handle: exec: "iptables": executable file not found in $PATH',
      })
    } finally {
      process.env.PATH = PATH
    }
  })

  it('has one port for all, and says it', async () => {
    const { tproxy, logged } = await world()
    expect(logged).toContain(`info tproxy listening on 127.0.0.1:${tproxy.port}`)
    const sockets = run('ss', '-Htuln').split('\n').filter((line) => line.includes(`:${tproxy.port} `))
    expect(sockets).toHaveLength(4)
  })
})
