import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RootedFiles } from '../resolver/rooted-files.ts'
import { noNetwork } from '../testing-host/own-network.ts'
import { probeCapabilitySet } from './capabilities.ts'
import { probeForwarding, probeIpv6, probeReversePath, probeUserNamespaces } from './network-settings.ts'
import { probeDnsPort, probeTunDevice } from './probe-host.ts'
import type { ProbeResult } from './probe-result.ts'
import { processLabel } from './process-label.ts'

let root = ''
let files: RootedFiles

/** A host of files. */
function host(contents: Record<string, string>): void {
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ziti-probe-'))
  files = new RootedFiles(root)
})
afterEach(() => rmSync(root, { recursive: true }))

describe('capabilities', () => {
  it.each([
    ['000001ffffffffff', [true, true, true]],
    ['0000000000000000', [false, 'warn', 'warn']],
    ['0000000000003000', [true, true, 'warn']],
    ['0000000000000400', [false, 'warn', true]],
  ])('%s', async (effective, expected) => {
    host({ '/proc/self/status': `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${effective}\n` })
    const results = await probeCapabilitySet(files)
    expect(results.map(({ ok }) => ok)).toEqual(expected)
    for (const { ok, remedy } of results) expect(remedy !== undefined).toBe(ok !== true)
  })
})

describe('port 53', () => {
  const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  const line = (address: string, state: string, inode: number): string => `   1: ${address}:0035 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0000000000000000\n`

  it('is free', async () => {
    host({ '/proc/net/udp': header + line('3500007F', '07', 5), '/proc/net/tcp': header + line('0100007F', '01', 6) })
    expect(await probeDnsPort(files)).toEqual({ name: 'port 53 on 127.0.0.1', ok: true, detail: 'free' })
  })

  it('is taken, and by whom', async () => {
    host({ '/proc/net/udp': header + line('00000000', '07', 5), '/proc/net/tcp6': header + line('0'.repeat(32), '0A', 6), '/proc/812/comm': 'dnsmasq\n', '/proc/812/fd/0': '' })
    symlinkSync('socket:[5]', join(root, '/proc/812/fd/4'))
    expect(await probeDnsPort(files)).toMatchObject({
      ok: 'warn',
      detail: 'udp 0.0.0.0:53 is taken by dnsmasq (pid 812), tcp [::]:53 is taken by a program that cannot be seen from here',
      remedy: expect.stringContaining('--resolver'),
    })
  })
})

it.each([
  ['dnsmasq\n', '/usr/sbin/dnsmasq\0-k\0', 'dnsmasq (pid 812)'],
  ['MainThread\n', 'node\0--enable-source-maps\0/srv/dns/server.js\0--port\0', 'server.js (pid 812)'],
  ['node\n', 'node\0', 'node (pid 812)'],
  ['ziti-tunnel -i \n', 'ziti-tunnel -i me.json run\0', 'ziti-tunnel (pid 812)'],
  ['\n', undefined, 'a program (pid 812)'],
  [undefined, undefined, 'a program (pid 812)'],
])('a process with the name %j and the command line %j is %s', (comm, cmdline, label) => {
  expect(processLabel('812', comm, cmdline)).toBe(label)
})

describe('settings of the kernel', () => {
  it('rp_filter: the larger of "all" and the interface counts, on interfaces of the LAN', async () => {
    const conf = '/proc/sys/net/ipv4/conf'
    host({ [`${conf}/all/rp_filter`]: '1\n', [`${conf}/default/rp_filter`]: '1\n', [`${conf}/eth0/rp_filter`]: '0\n', [`${conf}/eth1/rp_filter`]: '2\n' })
    expect(await probeReversePath(files, [])).toEqual({ name: 'rp_filter', ok: true, detail: 'eth0=1 eth1=2' })
    expect(await probeReversePath(files, ['eth1'])).toMatchObject({ ok: true })
    expect(await probeReversePath(files, ['eth0'])).toMatchObject({ ok: 'warn', remedy: 'sysctl -w net.ipv4.conf.eth0.rp_filter=2' })
  })

  it('ip_forward matters to a LAN only', async () => {
    host({ '/proc/sys/net/ipv4/ip_forward': '0\n' })
    expect(await probeForwarding(files, [])).toMatchObject({ ok: true })
    expect(await probeForwarding(files, ['eth0'])).toMatchObject({ ok: 'warn', remedy: 'sysctl -w net.ipv4.ip_forward=1' })
  })

  it.each([
    [{}, 'warn'],
    [{ '/proc/sys/net/ipv6/conf/all/disable_ipv6': '0\n', '/proc/sys/net/ipv6/conf/lo/disable_ipv6': '1\n' }, 'warn'],
    [{ '/proc/sys/net/ipv6/conf/all/disable_ipv6': '0\n', '/proc/sys/net/ipv6/conf/lo/disable_ipv6': '0\n' }, true],
  ])('IPv6 %j', async (contents, ok) => {
    host(contents)
    expect(await probeIpv6(files)).toMatchObject({ ok })
  })

  it.each([
    [{ '/proc/sys/user/max_user_namespaces': '0\n' }, 'max_user_namespaces=0'],
    [{ '/proc/sys/kernel/unprivileged_userns_clone': '0\n' }, 'unprivileged_userns_clone=0'],
    [{ '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' }, 'AppArmor'],
    [{}, 'allowed'],
  ])('user namespaces %j', async (contents, detail) => {
    host({ ...contents, '/proc/self/ns/net': '' })
    symlinkSync('user:[4026531837]', join(root, '/proc/self/ns/user'))
    expect((await probeUserNamespaces(files)).detail).toContain(detail)
  })

  it('/dev/net/tun is missing, or there', async () => {
    expect(await probeTunDevice(files)).toMatchObject({ ok: 'warn', remedy: expect.stringContaining('modprobe tun') })
    host({ '/dev/net/tun': '' })
    expect(await probeTunDevice(files)).toMatchObject({ ok: true })
  })
})

describe.skipIf(noNetwork)('the whole probe, in a network of its own', () => {
  const probe = async (...enter: string[]): Promise<ProbeResult[]> => {
    const module = new URL('probe-host.ts', import.meta.url).href
    const script = `import { probeCapabilities } from ${JSON.stringify(module)}; console.log(JSON.stringify(await probeCapabilities()))`
    const words = ['--net', ...enter, process.execPath, '--conditions=tunnel-source', '--input-type=module', '-e', script]
    return JSON.parse((await promisify(execFile)('unshare', words)).stdout) as ProbeResult[]
  }

  it('has nothing to complain of as root', async () => {
    const results = await probe('--')
    expect(results.filter(({ ok }) => ok === false)).toEqual([])
    expect(results.map(({ name }) => name)).toEqual(expect.arrayContaining(['nftables', 'iptables', 'transparent sockets']))
  })

  it('has a remedy beside everything that is refused without privileges', async () => {
    const results = await probe('--', 'setpriv', '--bounding-set=-all', '--inh-caps=-all', '--')
    expect(results.filter(({ ok }) => ok === false).map(({ name }) => name)).toEqual(['CAP_NET_ADMIN', 'nftables', 'iptables', 'transparent sockets'])
    for (const { ok, remedy } of results) expect(ok === true || remedy !== undefined).toBe(true)
  })
})
