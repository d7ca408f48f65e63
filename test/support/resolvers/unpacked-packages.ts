import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { hasProgram, run } from '../programs.ts'

/** The Debian packages of each resolver manager. They are unpacked into a folder, and never installed: that would replace this machine's resolv.conf. */
export const resolverPackages = {
  'systemd-resolved': ['systemd-resolved', 'libsystemd-shared', 'libnss-resolve', 'dbus', 'dbus-bin', 'dbus-daemon', 'dbus-system-bus-common'],
  resolvconf: ['resolvconf'],
  openresolv: ['openresolv'],
} as const

export type UnpackedManager = keyof typeof resolverPackages

/** The folder that holds `usr` and `etc` of a manager, or why there is none. */
export type Unpacked = { readonly folder: string } | { readonly missing: string }

const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ziti-tunnel-test', 'resolvers')

const pending = new Map<UnpackedManager, Promise<Unpacked>>()

/** Unpacked once for a machine; later calls only look. Says why not where there is no apt or no network. */
export function unpackManager(manager: UnpackedManager): Promise<Unpacked> {
  const known = pending.get(manager) ?? unpack(manager)
  pending.set(manager, known)
  return known
}

async function unpack(manager: UnpackedManager): Promise<Unpacked> {
  const folder = join(cacheFolder(), manager)
  if (existsSync(folder)) return { folder }
  if (!hasProgram('apt-get') || !hasProgram('dpkg')) return { missing: `${manager} comes from Debian packages, and this machine has no apt-get` }
  mkdirSync(cacheFolder(), { recursive: true })
  const scratch = mkdtempSync(join(cacheFolder(), `.${manager}-`))
  try {
    const failure = await download(scratch, resolverPackages[manager])
    if (failure !== undefined) return { missing: `${manager} could not be downloaded: ${failure}` }
    const tree = join(scratch, 'tree')
    for (const name of readdirSync(scratch).filter((each) => each.endsWith('.deb'))) {
      const { code, stderr } = await run('dpkg', ['-x', join(scratch, name), tree])
      if (code !== 0) return { missing: `${name} could not be unpacked: ${stderr.trim()}` }
    }
    mergeUsr(tree)
    renameInto(tree, folder)
    return { folder }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The lists of a fresh machine may be empty or old: then they are read again, once. */
async function download(into: string, packages: readonly string[]): Promise<string | undefined> {
  const get = () => run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...packages], { cwd: into, seconds: 60 })
  if ((await get()).code === 0) return undefined
  await run('apt-get', ['-qq', 'update'], { seconds: 120 })
  const { code, stderr } = await get()
  return code === 0 ? undefined : (stderr.trim().split('\n')[0] ?? 'apt-get failed')
}

/** Packages of before the merge of /usr still have /lib and /sbin. */
function mergeUsr(tree: string): void {
  for (const name of ['bin', 'lib', 'sbin']) {
    const from = join(tree, name)
    if (!existsSync(from)) continue
    cpSync(from, join(tree, 'usr', name), { recursive: true, verbatimSymlinks: true })
    rmSync(from, { recursive: true })
  }
}

/** Two test processes may unpack at once: the first wins. */
function renameInto(tree: string, folder: string): void {
  try {
    renameSync(tree, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
}
