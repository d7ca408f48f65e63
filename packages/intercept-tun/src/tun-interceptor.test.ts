import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from './testing-host/interceptor-world.ts'
import { client, connected, echoed, nc, refusal, udpEcho, until } from '../../../tooling/src/testing-host/clients.ts'
import { servesOrdinaryPrograms } from '../../../tooling/src/testing-host/ordinary-programs.ts'
import { enterOwnHost, ip, noNetwork, ownAddress, run } from '../../../tooling/src/testing-host/own-network.ts'
import { tableOf, wanted } from '@tunnel/core/testing'

const pool = ['100.64.0.0/10', 'fd64::/64']
const link = { v4: '169.254.1.1', v6: 'fd7a:6974:6900::1' }
let open: World[] = []

async function world(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const opened = await openWorld(options)
  open.push(opened)
  return opened
}

const dump = (): string[] => ['ip addr', 'ip link', 'ip rule', 'ip -6 rule', 'ip route show table all', 'ip -6 route show table all', 'ss -Htuln'].map((words) => {
  const [program = '', ...rest] = words.split(' ')
  return run(program, ...rest)
})

describe.skipIf(noNetwork)('in a network of its own', () => {
  beforeAll(() => enterOwnHost())
  afterEach(async () => {
    for (const opened of open.splice(0)) await opened.close()
    open = []
  })

  servesOrdinaryPrograms(async (options) => {
    const { tun, seen } = await world(options)
    return { seen, apply: (services) => tun.apply(tableOf(...Object.entries(services).map(([name, service]) => wanted(name, service)))), close: () => tun.close() }
  }, link)

  it('shows the link as the original does', async () => {
    const { tun } = await world({ name: 'tun%d' })
    await tun.apply(tableOf(wanted('one', { to: '5.9.243.187', ports: 80 }), wanted('two', { to: '1.2.3.4', ports: 80 }), wanted('three', { to: '10.0.0.0/8', ports: 80 })))
    const shown = ip('addr show dev tun0')
    expect(shown).toMatch(/tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 65535 .* qlen 5000/)
    expect(shown).toContain('inet 169.254.1.1/32 scope host tun0')
    expect(shown).toContain('inet 169.254.1.1 peer 5.9.243.187/32 scope host')
    expect(shown).toContain('inet 169.254.1.1 peer 1.2.3.4/32 scope host')
    expect(ip('route show table 3133760')).toContain('10.0.0.0/8 dev tun0')
  })

  it('carries much, both ways, unharmed', async () => {
    const { tun } = await world()
    await tun.apply(tableOf(wanted('echo', { to: ['203.0.113.5', 'fd09::5'], ports: 7 })))
    const body = Buffer.from(Array.from({ length: 8_000_000 }, (_, i) => (i * 31 + (i >>> 9)) & 255))
    for (const address of ['203.0.113.5', 'fd09::5']) {
      const socket = await connected(7, address)
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => chunks.push(chunk)).end(body)
      await once(socket, 'end')
      const heard = Buffer.concat(chunks)
      expect(heard.subarray(heard.indexOf('\n') + 1).equals(body)).toBe(true)
    }
  })

  it('answers a connection only when it is accepted, and says why not', async () => {
    const { tun, requests } = await world()
    const reasons = ['reset', 'host-unreachable', 'prohibited'] as const
    tun.onRequest((request) => {
      requests.push(request)
      setTimeout(() => request.refuse(reasons[requests.length - 1]!), 30)
    })
    await tun.apply(tableOf(wanted('web', { to: ['203.0.113.5', 'fd09::5'], ports: 80 })))
    expect([await refusal(80, '203.0.113.5'), await refusal(80, '203.0.113.5'), await refusal(80, 'fd09::5')]).toEqual(['ECONNREFUSED', 'EHOSTUNREACH', 'EACCES'])
  })

  it('keeps streams and datagrams whole with an MTU of 1500 too', async () => {
    const { tun } = await world({ mtu: 1_500 })
    await tun.apply(tableOf(wanted('both', { to: '203.0.113.5', ports: [7, 9], protocols: ['tcp', 'udp'] })))
    expect(await udpEcho('203.0.113.5', 9, [1_472, 16_368, 65_507])).toEqual([1_472, 16_368, 65_507])
    const text = 'x'.repeat(300_000)
    expect(await nc('203.0.113.5', 7, text)).toBe(echoed('203.0.113.5', 7, text))
  })

  it('has one route for a wildcard', async () => {
    const { tun } = await world({ addressesOf: () => pool, poolRanges: pool })
    await tun.apply(tableOf(wanted('wild', { to: '*.ziti', ports: 80 })))
    expect(ip('route show table 3133760').trim().split('\n')).toHaveLength(1)
  })

  it('leaves this host its own addresses and loopback, within every range', async () => {
    const { tun, logged, seen } = await world()
    const server = createServer((socket) => socket.end('mine')).listen(8080, '0.0.0.0')
    const { applied, failed } = await tun.apply(tableOf(
      wanted('range', { to: '192.0.2.0/24', ports: [1, 65_535] }),
      wanted('bad', { to: [ownAddress.v4, '192.0.2.9', '127.0.0.1', link.v4], ports: 99 }),
    ))
    expect(applied).toHaveLength(2)
    expect(failed.map(({ service, error }) => [service, error.code])).toEqual([...Array(3)].map(() => ['bad', 'tun.address-local']))
    expect(logged.filter((line) => line.includes('left alone'))).toEqual([expect.stringContaining(ownAddress.v4)])
    expect(await nc(ownAddress.v4, 8080, '')).toBe('mine')
    expect(await nc('127.0.0.1', 8080, '')).toBe('mine')
    expect(await nc('192.0.2.9', 8080)).toBe(echoed('192.0.2.9', 8080))
    expect(seen()).toHaveLength(1)
    server.close()
  })

  it('takes only what allowed sources send', async () => {
    const { tun, seen } = await world()
    await tun.apply(tableOf(wanted('some', { to: '203.0.113.5', ports: 80, from: ['10.0.0.0/8'] }), wanted('mine', { to: '203.0.113.6', ports: 80, from: [`${link.v4}/32`] })))
    expect(await refusal(80, '203.0.113.5')).toBe('EHOSTUNREACH')
    expect(await nc('203.0.113.6', 80)).toBe(echoed('203.0.113.6', 80))
    expect(seen()).toHaveLength(1)
  })

  it('keeps UDP sessions alive after their service has gone, and takes no new ones', async () => {
    const { tun, requests } = await world({ udpIdle: 600 })
    await tun.apply(tableOf(wanted('udp', { to: '203.0.113.5', ports: 9, protocols: ['udp'] }), wanted('other', { to: '203.0.113.6', ports: 9 })))
    const socket = createSocket('udp4')
    const says = async (text: string): Promise<string> => {
      socket.send(text, 9, '203.0.113.5')
      return String((await once(socket, 'message', { signal: AbortSignal.timeout(2_000) }))[0])
    }
    expect(await says('before')).toBe('before')
    await tun.apply(tableOf(wanted('other', { to: '203.0.113.6', ports: 9 })))
    expect(await says('after')).toBe('after')
    await expect(udpEcho('203.0.113.5', 9, [3], 100)).rejects.toThrow()
    expect(requests).toHaveLength(1)
    await tun.close()
    expect(await says('after close')).toBe('after close')
    expect(tun.stats).toMatchObject({ udpSessions: 1, lingeringFlows: 1 })
    await until(() => !ip('link show').includes('tun0'))
    socket.close()
  })

  it('makes the link again when somebody deletes it', async () => {
    const { tun, logged } = await world()
    await tun.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))
    const socket = await connected(80, '203.0.113.5')
    const lost = new Promise<string>((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')))
    ip('link del tun0')
    await until(() => ip('route show table 3133760').includes('203.0.113.5'))
    expect(logged).toContain('warn The TUN link tun0 is gone: somebody has deleted it: making it again, open connections are lost')
    expect(await nc('203.0.113.5', 80)).toBe(echoed('203.0.113.5', 80))
    socket.write('still there?')
    expect(await lost).toBe('ECONNRESET')
  })

  describe('while its link cannot be made again', () => {
    let broken = false
    const withoutLink = async (): Promise<World> => {
      const opened = await world({ through: (device) => {
        if (broken) throw new Error('no TUN now')
        return device
      } })
      await opened.tun.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))
      broken = true
      ip('link del tun0')
      await until(() => opened.logged.some((line) => line.startsWith('error ')))
      return opened
    }
    afterEach(() => (broken = false))

    it('goes on trying, and then has what was wanted meanwhile', async () => {
      const { tun, logged } = await withoutLink()
      expect(ip('route show table all')).not.toContain('203.0.113.5')
      const both = tableOf(wanted('web', { to: '203.0.113.5', ports: 80 }), wanted('new', { to: '203.0.113.7', ports: 80 }))
      expect(await tun.apply(both)).toMatchObject({ applied: [expect.stringContaining('203.0.113.7')], failed: [] })
      await expect(tun.openUdp({ address: '100.64.0.2', port: 53 })).rejects.toMatchObject({ code: 'tun.no-device' })
      broken = false
      await until(() => ip('route show table 3133760').includes('203.0.113.7'))
      expect(logged.filter((line) => /^(warn|error) /.test(line))).toEqual([expect.stringMatching(/^warn .* is gone/), expect.stringMatching(/^error failed to open tun interface .*no TUN now/)])
      for (const address of ['203.0.113.5', '203.0.113.7']) expect(await nc(address, 80)).toBe(echoed(address, 80))
    })

    it('ends when it is told to, and leaves nothing behind', async () => {
      const before = dump()
      const { tun } = await withoutLink()
      expect(ip('rule')).toContain('3133760')
      await tun.close()
      expect(dump()).toEqual(before)
      broken = false
      await new Promise((resolve) => setTimeout(resolve, 1_300))
      expect(dump()).toEqual(before)
    })
  })

  it('follows the link when somebody renames it, also when another has the old name then', async () => {
    const { tun, logged } = await world()
    await tun.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 }), wanted('old', { to: '203.0.113.6', ports: 80 })))
    const socket = await connected(80, '203.0.113.5')
    let heard = ''
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
    ip('link set tun0 down')
    ip('link set tun0 name mine')
    ip('link set mine up')
    ip('tuntap add mode tun name tun0')
    const report = await tun.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 }), wanted('new', { to: '203.0.113.7', ports: 80 })))
    ip('tuntap del mode tun name tun0')
    expect(report).toMatchObject({ applied: [expect.any(String)], failed: [] })
    await until(() => ip('route show table 3133760').includes('203.0.113.5 dev mine'))
    for (const address of ['203.0.113.5', '203.0.113.7']) expect(await nc(address, 80)).toBe(echoed(address, 80))
    expect([tun.link, ip('route show table 3133760').includes('203.0.113.6')]).toEqual(['mine', false])
    expect(logged.filter((line) => line.includes('renamed'))).toEqual(['info somebody has renamed the TUN link tun0: it is mine now'])
    expect(logged.filter((line) => line.startsWith('error'))).toEqual([])
    socket.write('goes on')
    await until(() => heard === '203.0.113.5 80\ngoes on')
    socket.destroy()
  })

  it('applies also what is asked for just when somebody has switched the link off', async () => {
    const { tun, logged } = await world()
    await tun.apply(tableOf(wanted('web', { to: ['203.0.113.5', 'fd09::5'], ports: 80 }), wanted('old', { to: '203.0.113.6', ports: 80 })))
    ip('link set tun0 down')
    const report = await tun.apply(tableOf(wanted('web', { to: ['203.0.113.5', 'fd09::5'], ports: 80 }), wanted('new', { to: ['203.0.113.7', 'fd09::7'], ports: 80 })))
    expect(report).toMatchObject({ applied: [expect.stringContaining('203.0.113.7'), expect.stringContaining('fd09::7')], removed: [expect.stringContaining('203.0.113.6')], failed: [] })
    for (const address of ['203.0.113.5', '203.0.113.7', 'fd09::5', 'fd09::7']) expect(await nc(address, 80)).toBe(echoed(address, 80))
    expect(logged.filter((line) => /^(warn|error) /.test(line))).toEqual([expect.stringMatching(/^warn somebody switched tun0 off: it is on again/)])
  })

  it('shows as a peer what it is told to, from the beginning, and it leads nowhere', async () => {
    await world({ addresses: { ...link, peer: '100.64.0.1' } })
    const shown = 'inet 169.254.1.1 peer 100.64.0.1/32 scope host'
    expect(ip('addr show dev tun0')).toContain(shown)
    expect(ip('route show table all')).not.toContain('100.64.0.1')
    ip('addr flush dev tun0')
    await until(() => ip('addr show dev tun0').includes(shown))
  })

  it('switches the link on again, with all it had, and connections go on', async () => {
    const { tun, logged } = await world({ addressesOf: () => pool, poolRanges: pool })
    await tun.apply(tableOf(wanted('web', { to: ['203.0.113.5', '10.7.0.0/16', 'fd09::5', '*.ziti'], ports: 80 })))
    const socket = await connected(80, '203.0.113.5')
    const state = () => [ip('-o addr show dev tun0'), ip('route show table 3133760'), ip('-6 route show table 3133760')].join('').replaceAll(/ +valid_lft.*| proto \S+| error \S+/g, '')
    const before = state()
    ip('link set tun0 down')
    await until(() => state() === before)
    expect(logged.filter((line) => line.startsWith('warn '))).toEqual([expect.stringMatching(/^warn somebody switched tun0 off: it is on again, with \d+ of our addresses/)])
    let heard = ''
    socket.on('data', (chunk) => void (heard += String(chunk)))
    socket.write('and on')
    await until(() => heard.endsWith('and on'))
    socket.destroy()
    for (const address of ['203.0.113.5', '10.7.8.9', 'fd09::5', '100.99.1.2']) expect(await nc(address, 80)).toBe(echoed(address, 80))
  })

  it('puts back addresses, routes and rules that somebody removes, and says it once a minute', async () => {
    const { tun, logged } = await world()
    await tun.apply(tableOf(wanted('web', { to: ['203.0.113.5', '10.7.0.0/16', 'fd09::5'], ports: 80 })))
    const state = () => [ip('-o addr show dev tun0'), ip('route show table 3133760'), ip('-6 route show table 3133760'), ip('rule'), ip('-6 rule')].join('').replaceAll(/ +valid_lft.*/g, '')
    // The kernel's own link-local address is not ours.
    const lines = () => state().split('\n').filter((line) => !line.includes('fe80:')).toSorted()
    const before = lines()
    for (const change of ['route flush table 3133760', '-6 route flush table 3133760', 'rule del pref 100', '-6 rule del pref 100', 'addr flush dev tun0']) {
      ip(change)
      await until(() => lines().join() === before.join())
    }
    expect(logged.filter((line) => line.startsWith('warn '))).toEqual([expect.stringMatching(/^warn somebody removed \d+ of our addresses, routes and rules: they are restored/)])
    for (const address of ['203.0.113.5', '10.7.8.9', 'fd09::5']) expect(await nc(address, 80)).toBe(echoed(address, 80))
  })

  it('takes the place of an instance of which only rules are left', async () => {
    ip('rule add pref 100 not fwmark 0x7a690000/0xffff0000 lookup 3133760')
    const { tun } = await world()
    expect(await tun.apply(tableOf(wanted('web', { to: '203.0.113.5', ports: 80 })))).toMatchObject({ failed: [] })
    expect(await nc('203.0.113.5', 80)).toBe(echoed('203.0.113.5', 80))
  })

  it('has UDP ports inside the tunnel, so that a DNS server needs none of this host', async () => {
    const { tun, seen } = await world({ poolRanges: pool })
    const port = await tun.openUdp({ address: '100.64.0.2', port: 53 })
    port.start((batch) => {
      // Any question is answered by REFUSED.
      for (const { data, from } of batch) port.send(Buffer.concat([data.subarray(0, 2), Buffer.from([0x81, 0x05]), data.subarray(4)]), from)
    })
    const ask = () => client('dig', ['+tries=1', '+time=2', '+noedns', '@100.64.0.2', 'example.test'])
    expect(await ask()).toContain('status: REFUSED')
    ip('link del tun0')
    await until(() => ip('route show table 3133760').includes('100.64.0.2'))
    expect(await ask()).toContain('status: REFUSED')
    await expect(tun.openUdp({ address: '100.64.0.2', port: 53 })).rejects.toMatchObject({ code: 'netstack.in-use' })
    expect(await ask()).toContain('status: REFUSED')
    port.close()
    await until(() => !ip('route show table all').includes('100.64.0.2'))
    expect(seen()).toEqual([])
  })

  it('has TCP ports there too, also after the link was made again', async () => {
    const { tun, seen } = await world({ poolRanges: pool })
    const port = await tun.listen({ address: '100.64.0.2', port: 53 }, (flow) => {
      flow.attach({ data: (chunk) => void flow.send(chunk.slice()), end: () => flow.end(), drain: () => {}, close: () => {} })
    })
    expect(await nc('100.64.0.2', 53, 'question')).toBe('question')
    ip('link del tun0')
    await until(() => ip('route show table 3133760').includes('100.64.0.2'))
    expect(await nc('100.64.0.2', 53, 'again')).toBe('again')
    await expect(tun.listen({ address: '100.64.0.2', port: 53 }, () => {})).rejects.toMatchObject({ code: 'netstack.in-use' })
    port.close()
    await until(() => !ip('route show table all').includes('100.64.0.2'))
    expect(seen()).toEqual([])
  })

  it('ends UDP sessions by their port, and the longest idle for a new one', async () => {
    const { tun } = await world({ udpIdle: (port) => (port === 53 ? 50 : 1_500), udpSessions: 2 })
    await tun.apply(tableOf(wanted('udp', { to: '203.0.113.5', ports: [1, 65_535], protocols: ['udp'] })))
    await udpEcho('203.0.113.5', 9, [3])
    await udpEcho('203.0.113.5', 53, [3])
    expect(tun.stats.udpSessions).toBe(2)
    await until(() => tun.stats.udpSessions === 1)
    for (const port of [10, 11, 12]) expect(await udpEcho('203.0.113.5', port, [3])).toEqual([3])
    expect(tun.stats.udpSessions).toBe(2)
  })

  it('leaves nothing behind', async () => {
    const before = dump()
    const { tun, host } = await world({ addressesOf: () => pool, poolRanges: pool })
    await tun.apply(tableOf(wanted('a', { to: ['10.0.0.0/8', '1.2.3.4', 'fd09::/64', '*.ziti'], ports: [1, 65_535], protocols: ['tcp', 'udp'] })))
    expect(await nc('10.1.1.1', 80)).toBe(echoed('10.1.1.1', 80))
    expect(dump()).not.toEqual(before)
    await tun.close()
    await until(() => !ip('link show').includes('tun0'))
    await host.restore()
    expect(dump()).toEqual(before)
  })

  it('says in the original\'s words that there is no TUN', async () => {
    await expect(world({ name: 'lo' })).rejects.toMatchObject({ code: 'tun.no-device', message: expect.stringMatching(/^failed to open tun interface \(name='lo', mtu=0\): /) })
  })
})
