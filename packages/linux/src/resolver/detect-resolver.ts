import { findResolvconf } from './resolvconf-facts.ts'
import type { ResolvConfFacts, ResolvedFacts, ResolverFacts } from './resolver-facts.ts'
import { judgeResolver } from './resolver-verdict.ts'
import { isResolvedStub, parseResolvConf, withoutOurServers } from './resolv-conf.ts'
import { RootedFiles } from './rooted-files.ts'
import { runningPrograms } from './running-programs.ts'

export interface DetectOptions {
  /** A folder that holds the files of another host. Default: this host. */
  readonly root?: string
}

const path = '/etc/resolv.conf'
const resolvedFolder = '/run/systemd/resolve'

/** Reads every fact of how this host resolves names. Changes nothing, starts nothing, and never fails. */
export async function detectResolver(options: DetectOptions = {}): Promise<ResolverFacts> {
  const files = new RootedFiles(options.root)
  const programs = await runningPrograms(files, ['systemd-resolved', 'NetworkManager', 'dhclient'])
  const file = await readResolvConf(files)
  const resolvconf = await findResolvconf(files, file)
  const dns = await networkManagerDns(files)
  return judgeResolver({
    file,
    resolved: await readResolved(files, file, programs.has('systemd-resolved')),
    ...(resolvconf && { resolvconf }),
    networkManager: { running: programs.has('NetworkManager'), ...(dns !== undefined && { dns }) },
    dhclient: programs.has('dhclient'),
    libc: await libcOf(files),
  })
}

async function readResolvConf(files: RootedFiles): Promise<ResolvConfFacts> {
  const target = await files.real(path)
  const link = await files.link(path)
  const text = (await files.text(path)) ?? ''
  const mounts = (await files.text('/proc/self/mountinfo')) ?? ''
  const folder = target.path.slice(0, target.path.lastIndexOf('/')) || '/'
  return {
    ...parseResolvConf(withoutOurServers(text)),
    path,
    state: link === undefined ? (target.exists ? 'regular' : 'missing') : target.exists ? 'symlink' : 'dangling',
    target: target.path,
    text,
    writable: await files.writable(target.exists ? target.path : folder),
    // The fifth field is the mount point (proc_pid_mountinfo(5)).
    mounted: mounts.split('\n').some((line) => line.split(' ')[4] === target.path),
  }
}

async function readResolved(files: RootedFiles, file: ResolvConfFacts, started: boolean): Promise<ResolvedFacts> {
  const own = await files.text(`${resolvedFolder}/resolv.conf`)
  const running = started && own !== undefined && (await files.exists('/run/dbus/system_bus_socket'))
  const stub = file.nameservers.length > 0 && file.nameservers.every(isResolvedStub)
  const nss = /^hosts:.*\bresolve\b/m.test((await files.text('/etc/nsswitch.conf')) ?? '')
  return {
    running,
    reachedBy: stub ? 'stub' : nss ? 'nss' : 'none',
    upstreams: running ? parseResolvConf(own).nameservers.filter((server) => !isResolvedStub(server)) : [],
  }
}

// NetworkManager.conf(5): later files win, /etc over /run over /usr/lib; only `dns` in [main] matters here.
async function networkManagerDns(files: RootedFiles): Promise<string | undefined> {
  let dns: string | undefined
  const paths = ['/etc/NetworkManager/NetworkManager.conf']
  for (const folder of ['/usr/lib/NetworkManager/conf.d', '/run/NetworkManager/conf.d', '/etc/NetworkManager/conf.d']) {
    const names = await files.names(folder)
    paths.push(...names.filter((name) => name.endsWith('.conf')).sort().map((name) => `${folder}/${name}`))
  }
  for (const each of paths) {
    const main = /^\[main\]([^[]*)/m.exec((await files.text(each)) ?? '')?.[1] ?? ''
    dns = /^\s*dns\s*=\s*(\S+)/m.exec(main)?.[1] ?? dns
  }
  return dns
}

async function libcOf(files: RootedFiles): Promise<'glibc' | 'musl'> {
  const names = await files.names('/lib')
  const glibc = [...names, ...(await files.names('/lib64'))].some((name) => name.startsWith('ld-linux')) || names.some((name) => name.endsWith('-linux-gnu'))
  return !glibc && names.some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'glibc'
}
