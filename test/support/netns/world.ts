import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Running } from '../programs.ts'
import { scratchFolder } from '../real-servers.ts'
import { startFarSide, type FarSide } from './far-side.ts'
import { addAddress, createNamespace, joinNamespaces, type Namespace } from './namespace.ts'

/**
 * Three hosts of their own, joined by cables, none of them this machine:
 *
 * ```
 *   lan 10.66.0.2 ──── 10.66.0.1  host  10.55.0.2 ──── 10.55.0.1  far
 *   a neighbour        where the tunneler runs          controller, router, servers
 * ```
 */
export interface World {
  readonly host: Namespace
  readonly far: FarSide
  readonly farSpace: Namespace
  /** The neighbour; its default route is the host. */
  readonly lan: Namespace
  /** The built program on the host, with an identity that may dial what `service` makes. */
  tunneler(...words: readonly string[]): Running
  /** The words of that program's command line, for those who run it in their own way (`env`, `setpriv`). */
  readonly program: readonly string[]
  readonly identity: string
  /** A service of the network, served by its router at `target`, which the identity may dial. */
  service(name: string, intercept: InterceptFields, target: string): Promise<void>
  close(): Promise<void>
}

export interface InterceptFields {
  readonly addresses: readonly string[]
  readonly ports: readonly (number | readonly [number, number])[]
  readonly protocols?: readonly ('tcp' | 'udp')[]
  readonly [field: string]: unknown
}

export const worldAddresses = { far: '10.55.0.1', host: '10.55.0.2', hostLan: '10.66.0.1', lan: '10.66.0.2' } as const

const cli = (path: string): string => fileURLToPath(new URL(`../../../apps/cli/${path}`, import.meta.url))
const program = process.env['TUNNEL_TEST_FROM_SOURCE'] ? ['--conditions=tunnel-source', cli('src/main.ts')] : [cli('bin/ziti-tunnel.js')]

export interface WorldOptions {
  /** What /etc/resolv.conf of the host says. Default: nobody answers there. */
  readonly resolvConf?: string
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const [host, farSpace, lan] = await Promise.all([createNamespace(), createNamespace(), createNamespace()])
  await Promise.all([joinNamespaces(host, 'eth0', farSpace, 'eth0'), joinNamespaces(host, 'lan0', lan, 'eth0')])
  await Promise.all([
    addressOf(host, 'eth0', worldAddresses.host, 'fd55::2/64'), addressOf(farSpace, 'eth0', worldAddresses.far, 'fd55::1/64'),
    addressOf(host, 'lan0', worldAddresses.hostLan, 'fd66::1/64'), addressOf(lan, 'eth0', worldAddresses.lan, 'fd66::2/64'),
    privateFiles(host, options.resolvConf ?? 'nameserver 10.55.0.1\n'), privateFiles(farSpace, 'nameserver 127.0.0.1\n'),
  ])
  await Promise.all([
    host.must('ip', 'route', 'add', 'default', 'via', worldAddresses.far), host.must('ip', '-6', 'route', 'add', 'default', 'via', 'fd55::1'),
    lan.must('ip', 'route', 'add', 'default', 'via', worldAddresses.hostLan), lan.must('ip', '-6', 'route', 'add', 'default', 'via', 'fd66::1'),
    host.must('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'),
  ])
  const far = startFarSide(farSpace, { host: worldAddresses.far, names: ['controller.net.test'] })
  const identity = join(scratchFolder('world'), 'me.json')
  writeFileSync(identity, JSON.stringify(await far.call('identity', 'me')), { mode: 0o600 })
  return {
    host, far, farSpace, lan, identity,
    program: [process.execPath, ...program],
    tunneler: (...words) => host.start(process.execPath, [...program, ...words]),
    async service(name, { addresses, ports, protocols = ['tcp'], ...more }, target) {
      const portRanges = ports.map((port) => (typeof port === 'number' ? { low: port, high: port } : { low: port[0], high: port[1] }))
      const configs = { 'intercept.v1': { protocols, addresses, portRanges, ...more } }
      await far.call('service', name, { dial: ['me'], hostedBy: { target }, configs })
    },
    async close() {
      await far.close()
      await Promise.all([host, farSpace, lan].map((space) => space.close()))
    },
  }
}

async function addressOf(space: Namespace, device: string, v4: string, v6: string): Promise<void> {
  await addAddress(space, device, `${v4}/24`)
  await addAddress(space, device, v6)
}

/** Directories that a host's programs write to, as they would be there: /etc is a copy, so that its files can be replaced. */
async function privateFiles(space: Namespace, resolvConf: string): Promise<void> {
  const script = `
    mount -t tmpfs none /run && mkdir -p /run/lock /run/netns /run/sshd
    mount -t tmpfs none /var/lib
    etc=$(mktemp -d) && mount -t tmpfs none "$etc" && cp -a /etc/. "$etc" 2>/dev/null
    rm -f "$etc/resolv.conf" && printf '%s' "$RESOLV_CONF" > "$etc/resolv.conf"
    printf '127.0.0.1 localhost\\n::1 localhost ip6-localhost\\n' > "$etc/hosts"
    mount --move "$etc" /etc && rmdir "$etc"`
  const { code, stderr } = await space.run('sh', ['-c', script], { environment: { RESOLV_CONF: resolvConf } })
  if (code !== 0) throw new Error(`private files of a namespace: ${stderr}`)
}
