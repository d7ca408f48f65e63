import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RootedFiles } from '../resolver/rooted-files.ts'
import { noNetwork } from '../../../../tooling/src/testing-host/own-network.ts'
import { missingCapabilities, probeCapabilitySet, wantedCapabilities } from './capabilities.ts'
import { probeForwarding, probeIpv6, probeReversePath, probeUserNamespaces } from './network-settings.ts'
import { probeTunDevice } from './probe-host.ts'
import type { ProbeResult } from './probe-result.ts'

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
    expect(results.map(({ name }) => name)).toEqual(wantedCapabilities)
    for (const { ok, remedy } of results) expect(remedy !== undefined).toBe(ok !== true)
  })
})

it('a process without a status has no capability', () => expect(missingCapabilities('')).toEqual(wantedCapabilities))

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
