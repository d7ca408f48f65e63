import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { release } from 'node:os'
import { dirname } from 'node:path'
import type { Endpoint } from '@tunnel/flow'
import type { ProbeResult, ResolverFacts } from '@tunnel/linux'
import { detectResolver, ownerOfPort, probeCapabilities } from '@tunnel/linux'
import { missingLinks, tellMissing } from '../intercept/lan-links.ts'
import type { Session } from '../session.ts'
import type { Check } from './check.ts'
import { fail, ok, warn } from './check.ts'

/** What interception needs of this host. */
export async function checkHost({ options }: Session, platform: string = process.platform): Promise<Check[]> {
  const system = `${platform} ${release()}, node ${process.versions.node}`
  if (platform !== 'linux') return [fail('system', system, "interception needs Linux; use 'ziti-tunnel proxy' for local ports")]
  const { stateDirectory, lanInterfaces, resolver } = options.intercept
  const [probes, facts, state] = await Promise.all([probeCapabilities({ lanInterfaces }), detectResolver(), checkStateDirectory(stateDirectory)])
  const names = resolver.kind === 'server' ? [...(await checkListeners(resolver.listen)), checkResolver(facts)] : []
  const lan = missingLinks(lanInterfaces).map((missing) => warn('lanIf', tellMissing(missing), 'correct the name; `ip link` lists them'))
  return [ok('system', system), ...toChecks(probes), ...lan, ...names, state]
}

const privilege = 'CAP_NET_ADMIN'
/** What comes with it. */
const granted: ReadonlySet<string> = new Set(['CAP_NET_RAW', 'CAP_NET_BIND_SERVICE', '/dev/net/tun'])
/** What only who has it can find out. */
const tried: ReadonlySet<string> = new Set(['nftables', 'iptables', 'transparent sockets'])

/** Who lacks the privilege is told so once, and not by each thing that cannot be done without it. */
export function toChecks(probes: readonly ProbeResult[]): Check[] {
  const isPrivileged = probes.some(({ name, ok: good }) => name === privilege && good === true)
  if (isPrivileged) return toPrivilegedChecks(probes)
  return probes.map((probe) => {
    if (probe.ok === true) return toCheck(probe)
    if (tried.has(probe.name)) return warn(probe.name, `cannot be tried without ${privilege}`)
    return granted.has(probe.name) ? warn(probe.name, probe.detail) : toCheck(probe)
  })
}

/** One means of interception is enough: what another one lacks is then no failure. */
function toPrivilegedChecks(probes: readonly ProbeResult[]): Check[] {
  const works = new Set(probes.filter(({ ok: good }) => good === true).map(({ name }) => name))
  const firewall = works.has('transparent sockets') ? ['nftables', 'iptables'].find((name) => works.has(name)) : undefined
  const means = firewall !== undefined ? `'run' takes tproxy, by ${firewall}` : works.has('/dev/net/tun') ? "'run' takes tun: TPROXY cannot be had here" : undefined
  const checks = probes.map((probe) => (means !== undefined && tried.has(probe.name) && probe.ok === false ? toCheck({ ...probe, ok: 'warn' }) : toCheck(probe)))
  return [...checks, means === undefined ? fail('interception', 'neither tproxy nor tun can work here', 'mend one of the two: a firewall, or /dev/net/tun') : ok('interception', means)]
}

/** Where our DNS server would listen. One of ours that is there already is as it should be. */
export async function checkListeners(listen: readonly Endpoint[], find = ownerOfPort): Promise<Check[]> {
  return Promise.all(
    listen.map(async (endpoint) => {
      const name = `port ${endpoint.port} on ${endpoint.address}`
      const owner = (await find('udp', endpoint)) ?? (await find('tcp', endpoint))
      if (owner === undefined) return ok(name, 'free')
      if (owner.startsWith('ziti-tunnel')) return ok(name, `${owner} answers there; another one beside it needs another address`)
      return warn(name, `taken by ${owner}`, `stop that program, listen elsewhere (--resolver udp://127.0.0.2:${endpoint.port}), or use 'ziti-tunnel tun', which is asked inside its tunnel then`)
    }),
  )
}

function toCheck({ name, ok: good, detail, remedy }: ProbeResult): Check {
  const state = good === true ? 'ok' : good === 'warn' ? 'warn' : 'fail'
  return { name, state, detail, ...(remedy !== undefined && { remedy }) }
}

export function checkResolver({ line, method, file, nameservers }: Pick<ResolverFacts, 'line' | 'method' | 'file' | 'nameservers'>): Check {
  const name = 'resolver'
  if (method === 'file' && !file.writable) return warn(name, line, 'names of services by --resolver file:///etc/hosts, or set the nameserver where the file comes from')
  return nameservers.length > 0 ? ok(name, line) : warn(name, line, 'there is no nameserver for other names: give one by --dnsUpstream udp://192.0.2.1')
}

async function checkStateDirectory(directory: string): Promise<Check> {
  const name = 'state'
  for (let path = directory; ; path = dirname(path)) {
    try {
      await access(path, constants.W_OK)
      return ok(name, path === directory ? `${directory} can be written` : `${directory} will be made`)
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      if (!missing || path === dirname(path)) return fail(name, `${path} cannot be written by this user`, 'use sudo, or another place: --state-dir DIRECTORY')
    }
  }
}
