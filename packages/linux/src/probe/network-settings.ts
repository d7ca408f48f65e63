import type { RootedFiles } from '../resolver/rooted-files.ts'
import type { ProbeResult } from './probe-result.ts'

const conf = '/proc/sys/net/ipv4/conf'

async function setting(files: RootedFiles, path: string): Promise<number | undefined> {
  const text = (await files.text(path))?.trim()
  return text === undefined || text === '' ? undefined : Number(text)
}

export async function probeIpv6(files: RootedFiles): Promise<ProbeResult> {
  const name = 'IPv6'
  const all = await setting(files, '/proc/sys/net/ipv6/conf/all/disable_ipv6')
  const loopback = await setting(files, '/proc/sys/net/ipv6/conf/lo/disable_ipv6')
  const remedy = 'sysctl -w net.ipv6.conf.lo.disable_ipv6=0, if services have IPv6 addresses'
  if (all === undefined) return { name, ok: 'warn', detail: 'this kernel has none: services are reached over IPv4 only' }
  if (all === 1 || loopback === 1) return { name, ok: 'warn', detail: 'switched off: services are reached over IPv4 only', remedy }
  return { name, ok: true, detail: 'on' }
}

/** Needed only when neighbours on the LAN come through this host. */
export async function probeForwarding(files: RootedFiles, lanInterfaces: readonly string[]): Promise<ProbeResult> {
  const name = 'ip_forward'
  const on = (await setting(files, '/proc/sys/net/ipv4/ip_forward')) === 1
  if (on) return { name, ok: true, detail: 'on' }
  if (lanInterfaces.length === 0) return { name, ok: true, detail: 'off: only programs of this host are served' }
  return { name, ok: 'warn', detail: 'off: what neighbours send elsewhere than to services is not passed on', remedy: 'sysctl -w net.ipv4.ip_forward=1' }
}

/**
 * Strict reverse path filtering (1; the larger of `all` and the interface counts, Documentation/networking/ip-sysctl) drops packets
 * of neighbours whose way back is another interface.
 */
export async function probeReversePath(files: RootedFiles, lanInterfaces: readonly string[]): Promise<ProbeResult> {
  const name = 'rp_filter'
  const all = (await setting(files, `${conf}/all/rp_filter`)) ?? 0
  const interfaces = (await files.names(conf)).filter((each) => each !== 'all' && each !== 'default')
  const values = await Promise.all(interfaces.map(async (each) => ({ each, value: Math.max(all, (await setting(files, `${conf}/${each}/rp_filter`)) ?? 0) })))
  const detail = values.map(({ each, value }) => `${each}=${value}`).join(' ') || 'no interfaces'
  const strict = values.filter(({ each, value }) => value === 1 && lanInterfaces.includes(each))
  if (strict.length === 0) return { name, ok: true, detail }
  const settings = strict.map(({ each }) => `net.ipv4.conf.${each.replaceAll('.', '/')}.rp_filter=2`)
  return { name, ok: 'warn', detail: `${detail}: strict on ${strict.map(({ each }) => each).join(', ')}`, remedy: `sysctl -w ${settings.join(' ')}` }
}

/** What an unprivileged `exec` stands on. */
export async function probeUserNamespaces(files: RootedFiles): Promise<ProbeResult> {
  const name = 'user namespaces'
  const refused = (detail: string, remedy: string): ProbeResult => ({ name, ok: 'warn', detail: `not for unprivileged users: ${detail}`, remedy })
  if ((await files.link('/proc/self/ns/user')) === undefined) return refused('this kernel has none', 'run as root')
  const most = await setting(files, '/proc/sys/user/max_user_namespaces')
  if (most === 0) return refused('user.max_user_namespaces=0', 'sysctl -w user.max_user_namespaces=15000')
  if ((await setting(files, '/proc/sys/kernel/unprivileged_userns_clone')) === 0) {
    return refused('kernel.unprivileged_userns_clone=0', 'sysctl -w kernel.unprivileged_userns_clone=1')
  }
  if ((await setting(files, '/proc/sys/kernel/apparmor_restrict_unprivileged_userns')) === 1) {
    return refused('AppArmor restricts them', 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give node a profile')
  }
  return { name, ok: true, detail: 'allowed' }
}
