import type { ResolvConfFacts, ResolvconfFacts } from './resolver-facts.ts'
import { parseResolvConf } from './resolv-conf.ts'
import type { RootedFiles } from './rooted-files.ts'

const places = ['/sbin/resolvconf', '/usr/sbin/resolvconf', '/usr/local/sbin/resolvconf', '/bin/resolvconf', '/usr/bin/resolvconf']

/** The end of the name of a record of ours: `lo.ziti-tunnel`, `lo.ziti-tunnel-2`. */
const ourRecord = /\.ziti-tunnel(-\d+)?$/

/**
 * Three programs bear the name `resolvconf`. Debian's and openresolv are shell scripts that say so in their first
 * lines; systemd's is another name of resolvectl.
 */
export async function findResolvconf(files: RootedFiles, file: ResolvConfFacts): Promise<ResolvconfFacts | undefined> {
  for (const path of places) {
    const real = await files.real(path)
    if (!real.exists) continue
    const kind = real.path.endsWith('/resolvectl') ? 'systemd' : kindOf((await files.text(path)) ?? '')
    if (kind === undefined) continue
    return { kind, path, active: isActive(kind, file), upstreams: await recordedServers(files, kind) }
  }
  return undefined
}

function kindOf(script: string): ResolvconfFacts['kind'] | undefined {
  const head = script.slice(0, 4096)
  if (/OPENRESOLV|Roy Marples/.test(head)) return 'openresolv'
  return /part of the resolvconf package/.test(head) ? 'debian' : undefined
}

// Debian's writes a file of its own, and rules only where resolv.conf leads there; openresolv writes resolv.conf itself.
function isActive(kind: ResolvconfFacts['kind'], file: ResolvConfFacts): boolean {
  if (kind === 'debian') return /^\/(run|etc)\/resolvconf\//.test(file.target)
  return kind === 'openresolv' && file.generator === 'resolvconf'
}

/**
 * The records hold what resolv.conf does not show: both programs leave out all other servers once one of them is on
 * loopback.
 */
async function recordedServers(files: RootedFiles, kind: ResolvconfFacts['kind']): Promise<readonly string[]> {
  if (kind === 'systemd') return []
  const folder = kind === 'debian' ? '/run/resolvconf/interface' : '/run/resolvconf/interfaces'
  const found: string[] = []
  for (const name of await files.names(folder)) {
    if (ourRecord.test(name)) continue
    found.push(...parseResolvConf((await files.text(`${folder}/${name}`)) ?? '').nameservers)
  }
  return [...new Set(found)]
}
