import { createRtNetlink, type RtNetlinkSocket } from 'netlink'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enterOwnNetwork, ipJson, noNetwork, run } from '../../../../tooling/src/testing-host/own-network.ts'
import { formatAddress } from './ip-address.ts'
import { NLM_F_CREATE } from './message.ts'
import type { NetworkEvent } from './network-watch.ts'
import { openRouteControl, type RouteControl } from './route-control.ts'
import type { Route } from './route.ts'
import type { Rule } from './rule.ts'

const local = (destination: string, more: Partial<Route> = {}): Route => ({
  family: destination.includes(':') ? 6 : 4,
  destination,
  type: 'local',
  device: 'lo',
  table: 5000,
  ...more,
})
const ownMark = { mark: 0x7a690000, mask: 0xffff0000 }

describe.skipIf(noNetwork)('route control', () => {
  let control: RouteControl
  let second: RtNetlinkSocket
  beforeAll(() => {
    enterOwnNetwork()
    control = openRouteControl()
    second = createRtNetlink()
    run('ip', 'link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right')
    control.setLink('left', { up: true, mtu: 9000 })
    control.setLink('right', { up: true })
    control.addAddress({ family: 4, address: '192.0.2.1', prefixLength: 24, device: 'left' })
    control.addAddress({ family: 6, address: '2001:db8::1', prefixLength: 64, device: 'left' })
    control.addAddress({ family: 4, address: '198.51.100.1', prefixLength: 32, peer: '198.51.100.2', device: 'right' })
  })
  afterAll(() => {
    control.close()
    second.socket.close()
  })

  describe('agrees with `ip` and with the netlink package', () => {
    it('about links', async () => {
      const ours = control.links().map(({ name, index, mtu, up }) => ({ name, index, mtu, up }))
      const tool = ipJson('link').map((link) => ({
        name: link['ifname'],
        index: link['ifindex'],
        mtu: link['mtu'],
        up: (link['flags'] as string[]).includes('UP'),
      }))
      const theirs = (await second.getLinks()).map(({ data, attrs }) => ({
        name: attrs.ifname,
        index: data.index,
        mtu: attrs.mtu,
        up: data.flags?.up === true,
      }))
      expect(ours.map(({ name }) => name).sort()).toEqual(['left', 'lo', 'right'])
      expect(ours.find(({ name }) => name === 'left')).toMatchObject({ mtu: 9000, up: true })
      expect(byText(ours)).toEqual(byText(tool))
      expect(byText(ours)).toEqual(byText(theirs))
    })

    it('about addresses', async () => {
      const ours = control.addresses().map(({ device, address, prefixLength, peer }) => ({ device, address, prefixLength, peer }))
      const tool = ipJson('address').flatMap((link) =>
        (link['addr_info'] as Record<string, unknown>[]).map((entry) => ({
          device: link['ifname'],
          address: entry['local'],
          prefixLength: entry['prefixlen'],
          peer: entry['address'],
        })),
      )
      const names = new Map(control.links().map(({ index, name }) => [index, name]))
      const theirs = (await second.getAddresses()).map(({ data, attrs }) => {
        const address = formatAddress((attrs.local ?? attrs.address)!)
        const peer = formatAddress(attrs.address!)
        return { device: names.get(data.index!), address, prefixLength: data.prefixlen, peer: peer === address ? undefined : peer }
      })
      expect(ours).toContainEqual({ device: 'right', address: '198.51.100.1', prefixLength: 32, peer: '198.51.100.2' })
      expect(byText(ours)).toEqual(byText(tool))
      expect(byText(ours)).toEqual(byText(theirs))
    })

    it('about routes of every kind', async () => {
      const routes: Route[] = [
        local('100.64.0.0/10', { source: '192.0.2.1' }),
        local('203.0.113.7'),
        local('default', { family: 6 }),
        local('default', { table: 12, metric: 7, protocol: 122 }),
        { family: 4, destination: '10.0.0.0/8', gateway: '192.0.2.9', device: 'left', metric: 50 },
        { family: 4, destination: '10.0.0.0/8', gateway: '192.0.2.8', device: 'left', metric: 51 },
        { family: 4, destination: 'default', gateway: '192.0.2.9' },
        { family: 4, destination: '172.16.0.0/12', type: 'blackhole' },
        { family: 4, destination: '172.31.0.0/16', type: 'unreachable', table: 300 },
        { family: 4, destination: '172.31.0.0/16', type: 'prohibit', table: 4_000_000_000 },
        { family: 4, destination: '172.30.0.0/16', type: 'throw' },
        { family: 6, destination: '2001:db8:1::/48', gateway: '2001:db8::9', source: '2001:db8::1' },
        { family: 6, destination: '2001:db8:2::/47', device: 'right', metric: 3 },
        { family: 6, destination: 'fd00::/8', type: 'unreachable', table: 300 },
      ]
      control.addRoutes(routes)
      const ours = control.routes().filter(({ family, type }) => family === 4 || type !== 'multicast')
      expect(byText(ours.map(ourText))).toEqual(byText(toolRoutes()))
      expect(byText(ours.map(ourText))).toEqual(byText(await secondRoutes(second, control)))
      expect(control.routes({ table: 5000 })).toHaveLength(3)
      expect(control.routes({ table: 300, family: 6 }).map(({ destination }) => destination)).toEqual(['fd00::/8'])
      expect(control.routes({ table: 999 })).toEqual([])
      expect(control.removeRoutes(routes).missing).toEqual([])
      expect(byText(control.routes().filter(({ type }) => type !== 'multicast').map(ourText))).toEqual(byText(toolRoutes()))
    })

    it('about rules', async () => {
      const rules: Rule[] = [
        { family: 4, priority: 100, ...ownMark, invert: true, table: 5000 },
        { family: 6, priority: 100, mark: 1, mask: 1, table: 5000 },
        { family: 4, priority: 33000, mark: 0xffffffff, table: 70000 },
        { family: 4, priority: 33001, from: '10.0.0.0/8', to: '10.1.0.0/16', inputDevice: 'lo', outputDevice: 'left', table: 7 },
        { family: 6, priority: 33001, from: 'fd00::/8', table: 0, action: 'unreachable' },
      ]
      for (const rule of rules) control.addRule(rule)
      const listed = control.rules()
      for (const rule of rules) expect(listed).toContainEqual(rule)
      expect(byText(listed.map(ourRule))).toEqual(byText([...ipJson('-4 rule').map((rule) => toolRule(4, rule)), ...ipJson('-6 rule').map((rule) => toolRule(6, rule))]))
      const theirs = await second.getRules()
      expect(byText(listed.map(({ family, priority, mark, table }) => ({ family, priority, mark, table })))).toEqual(
        byText(theirs.filter(({ data }) => data.family === 2 || data.family === 10).map(({ data, attrs }) => ({
          family: data.family === 2 ? 4 : 6,
          priority: attrs.priority ?? 0,
          mark: attrs.fwmark,
          table: attrs.table,
        }))),
      )
      for (const rule of rules) control.removeRule(rule)
      expect(control.rules()).toHaveLength(5)
    })

    it('about routes that the netlink package or `ip` made', async () => {
      run('ip', 'route', 'add', '10.7.0.0/16', 'via', '192.0.2.7')
      const lo = control.links().find(({ name }) => name === 'lo')!
      await second.newRoute(
        { family: 2, dstLen: 32, table: 99, type: 'LOCAL', scope: 254, protocol: 'STATIC' },
        { dst: Buffer.of(10, 8, 0, 1), oif: lo.index },
        { flags: NLM_F_CREATE },
      )
      expect(control.routes({ family: 4 })).toContainEqual(
        expect.objectContaining({ destination: '10.7.0.0/16', gateway: '192.0.2.7', device: 'left', table: 254, protocol: 3 }),
      )
      expect(control.routes({ table: 99 })).toEqual([expect.objectContaining({ destination: '10.8.0.1/32', type: 'local', device: 'lo' })])
      control.removeRoutes([{ family: 4, destination: '10.7.0.0/16', gateway: '192.0.2.7', protocol: 3 }, local('10.8.0.1', { table: 99 })])
    })
  })

  describe('changes', () => {
    it('adds ten thousand routes, and takes them away again', () => {
      const many = Array.from({ length: 10_000 }, (_, index) => local(`10.${index >> 8}.${index & 0xff}.0/24`, { table: 6000 }))
      control.addRoutes(many)
      expect(control.routes({ table: 6000 })).toHaveLength(10_000)
      expect(control.removeRoutes(many).missing).toEqual([])
      expect(control.routes({ table: 6000 })).toEqual([])
    })

    it('adds all or none', () => {
      control.addRoutes([local('10.2.0.0/16')])
      const routes = [local('10.1.0.0/16'), local('10.2.0.0/16'), local('10.3.0.0/16')]
      expect(() => control.addRoutes(routes)).toThrow(
        expect.objectContaining({
          code: 'linux.exists',
          message: 'Cannot add the route local 10.2.0.0/16 dev lo table 5000: file already exists (netlink: EEXIST)',
          detail: expect.objectContaining({ destination: '10.2.0.0/16', errno: 'EEXIST' }),
        }),
      )
      expect(control.routes({ table: 5000 }).map(({ destination }) => destination)).toEqual(['10.2.0.0/16'])
      control.removeRoutes([local('10.2.0.0/16')])
    })

    it('tells what was not there to be removed, also when the link is gone', () => {
      const gone = [local('10.1.0.0/16'), local('10.2.0.0/16', { device: 'nowhere' })]
      control.addRoutes([local('10.3.0.0/16')])
      expect(control.removeRoutes([...gone, local('10.3.0.0/16')]).missing).toHaveLength(2)
      expect(control.routes({ table: 5000 })).toEqual([])
    })

    it("leaves a route of somebody else's that is not quite the same", () => {
      run('ip', 'route', 'add', 'local', '10.4.0.0/16', 'dev', 'lo', 'table', '5000', 'src', '192.0.2.1')
      expect(control.removeRoutes([local('10.4.0.0/16')]).missing).toHaveLength(1)
      run('ip', 'route', 'flush', 'table', '5000')
    })

    it('says what is wrong with what it was given', () => {
      const invalid = (route: Route): unknown => expect(() => control.addRoutes([route])).toThrow(expect.objectContaining({ code: 'linux.invalid' }))
      invalid(local('10.0.0.0/33'))
      invalid(local('fd00::/8', { family: 4 }))
      invalid(local('10.0.0.0/8', { source: 'fd00::1' }))
      expect(() => control.addRoutes([local('10.0.0.0/8', { device: 'nowhere' })])).toThrow(
        expect.objectContaining({ code: 'linux.missing', message: 'Cannot find the link nowhere: no such device (netlink: ENODEV)' }),
      )
    })

    it('refuses a second equal rule, and says when there is none to remove', () => {
      const rule: Rule = { family: 4, priority: 100, ...ownMark, table: 5000 }
      control.addRule(rule)
      expect(() => control.addRule(rule)).toThrow(expect.objectContaining({ code: 'linux.exists' }))
      control.removeRule(rule)
      expect(() => control.removeRule(rule)).toThrow(
        expect.objectContaining({ code: 'linux.missing', message: expect.stringContaining('pref 100 fwmark 0x7a690000/0xffff0000 lookup 5000') }),
      )
    })
  })

  describe('routeTo', () => {
    it('is the way and the source of a packet, by its mark', () => {
      const rule: Rule = { family: 4, priority: 100, ...ownMark, invert: true, table: 5000 }
      control.addRule(rule)
      control.addRoutes([local('0.0.0.0/1', { source: '192.0.2.1' })])
      expect(control.routeTo('8.8.8.8')).toEqual({ type: 'local', table: 5000, device: 'lo', source: '192.0.2.1' })
      expect(control.routeTo('8.8.8.8', { mark: ownMark.mark })).toBeUndefined()
      expect(control.routeTo('192.0.2.9', { mark: ownMark.mark })).toEqual({ type: 'unicast', table: 254, device: 'left', source: '192.0.2.1' })
      expect(control.routeTo('2001:db8::2')).toMatchObject({ type: 'unicast', device: 'left', source: '2001:db8::1' })
      expect(control.routeTo('::1')).toMatchObject({ type: 'local', table: 255 })
      expect(control.routeTo('3000::1')).toBeUndefined()
      control.removeRoutes([local('0.0.0.0/1', { source: '192.0.2.1' })])
      control.removeRule(rule)
      expect(() => control.routeTo('example.com')).toThrow(expect.objectContaining({ code: 'linux.invalid' }))
    })
  })

  describe('watch', () => {
    it('tells what others change, and which changes are its own', async () => {
      const seen: NetworkEvent[] = []
      const watch = control.watch((events) => seen.push(...events))
      control.addRoutes([local('10.1.0.0/16')])
      await expect.poll(() => seen).toEqual([{ kind: 'route', removed: false, own: true }])
      run('ip', 'route', 'flush', 'table', '5000')
      run('ip', 'rule', 'add', 'pref', '5', 'lookup', '7')
      run('ip', 'address', 'add', '192.0.2.77/32', 'dev', 'lo')
      run('ip', 'link', 'set', 'right', 'down')
      const kinds = (): string[] => seen.map(({ kind, removed, own }) => `${kind} ${removed ? 'removed' : 'added'} ${own ? 'own' : 'foreign'}`)
      await expect
        .poll(kinds)
        .toEqual(expect.arrayContaining(['route removed foreign', 'rule added foreign', 'address added foreign', 'link added foreign']))
      watch.close()
      watch.close()
      const count = seen.length
      run('ip', 'rule', 'del', 'pref', '5')
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(seen).toHaveLength(count)
    })

    it('knows what this program changes by other ways, until it has done so', async () => {
      const seen: NetworkEvent[] = []
      const watch = control.watch((events) => seen.push(...events))
      const other = openRouteControl()
      const here = { family: 4, priority: 6, table: 7 } as const
      other.addRule(here)
      other.close()
      await expect.poll(() => seen).toEqual([{ kind: 'rule', removed: false, own: true }])
      run('ip', 'rule', 'del', 'pref', '6')
      await expect.poll(() => seen[1]).toEqual({ kind: 'rule', removed: true, own: false })
      watch.close()
    })

    it('says that it lost count when there is too much at once', async () => {
      const seen: NetworkEvent[] = []
      const watch = control.watch((events) => seen.push(...events))
      const many = Array.from({ length: 10_000 }, (_, index) => local(`10.${index >> 8}.${index & 0xff}.0/24`, { table: 6000 }))
      control.addRoutes(many)
      control.removeRoutes(many)
      await expect.poll(() => seen.map(({ kind }) => kind)).toContain('lost')
      watch.close()
    })
  })

  it('is closed for good', () => {
    const other = openRouteControl()
    other.close()
    other.close()
    expect(() => other.links()).toThrow('closed')
  })
})

const byText = (values: readonly unknown[]): string[] => values.map((value) => JSON.stringify(value)).sort()

const tables: Readonly<Record<string, number>> = { local: 255, main: 254, default: 253 }
const tableNumber = (table: unknown): number => tables[String(table ?? 'main')] ?? Number(table)

interface RouteText {
  readonly type: string
  readonly destination: string
  readonly device: string | undefined
  readonly gateway: string | undefined
  readonly source: string | undefined
  readonly table: number
  readonly metric: number | undefined
}

function ourText({ type, destination, device, gateway, source, table, metric }: Route): RouteText {
  return { type: type ?? '', destination, device, gateway, source, table: table ?? 0, metric }
}

function toolRoutes(): RouteText[] {
  const families = [
    ['-4', '/32'],
    ['-6', '/128'],
  ] as const
  return families.flatMap(([family, whole]) =>
    ipJson(`${family} route show table all`)
      .filter(({ type }) => family === '-4' || type !== 'multicast')
      .map((route) => {
        const destination = String(route['dst'])
        return {
          type: String(route['type']),
          destination: destination === 'default' || destination.includes('/') ? destination : `${destination}${whole}`,
          device: route['dev'] as string | undefined,
          gateway: route['gateway'] as string | undefined,
          source: route['prefsrc'] as string | undefined,
          table: tableNumber(route['table']),
          metric: route['metric'] as number | undefined,
        }
      }),
  )
}

async function secondRoutes(second: RtNetlinkSocket, control: RouteControl): Promise<RouteText[]> {
  const names = new Map(control.links().map(({ index, name }) => [index, name]))
  const text = (bytes: Uint8Array | undefined): string | undefined => bytes && formatAddress(bytes)
  return (await second.getRoutes())
    .filter(({ data }) => data.family === 2 || (data.family === 10 && data.type !== 'MULTICAST'))
    .map(({ data, attrs }) => {
      const zero = new Uint8Array(data.family === 2 ? 4 : 16)
      return {
        type: String(data.type).toLowerCase(),
        destination: data.dstLen ? `${text(attrs.dst ?? zero)}/${data.dstLen}` : 'default',
        device: attrs.oif === undefined ? undefined : names.get(attrs.oif),
        gateway: text(attrs.gateway),
        source: text(attrs.prefsrc),
        table: attrs.table ?? 0,
        metric: attrs.priority,
      }
    })
}

function ourRule({ family, priority, mark, mask, invert, table, from, to, inputDevice, outputDevice, action }: Rule): unknown {
  const where = action === undefined ? table : undefined
  return { family, priority, mark, mask, invert, table: where, from, to, inputDevice, outputDevice, action }
}

function toolRule(family: 4 | 6, rule: Record<string, unknown>): unknown {
  const prefix = (name: string): string | undefined =>
    rule[name] === undefined || rule[name] === 'all' ? undefined : `${String(rule[name])}/${String(rule[`${name}len`])}`
  return {
    family,
    priority: rule['priority'],
    mark: rule['fwmark'] === undefined ? undefined : Number(rule['fwmark']),
    mask: rule['fwmask'] === undefined ? undefined : Number(rule['fwmask']),
    invert: 'not' in rule ? true : undefined,
    table: rule['table'] === undefined ? undefined : tableNumber(rule['table']),
    from: prefix('src'),
    to: prefix('dst'),
    inputDevice: rule['iif'],
    outputDevice: rule['oif'],
    action: rule['action'],
  }
}
