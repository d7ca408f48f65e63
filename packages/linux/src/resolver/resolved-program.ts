import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseEndpoint } from './resolved-server.ts'
import { resolverError } from './resolver-error.ts'
import { findProgram } from './run-program.ts'

/** What systemd-resolved is told of a link of ours. */
export interface LinkSetting {
  readonly link: string
  /** `100.64.0.1`, or `127.0.0.1:5353` (systemd 246 and later). */
  readonly servers: readonly string[]
  /** Without the `~` that makes them routes only. */
  readonly domains: readonly string[]
}

/** What it takes to set a link: `domains` and `server` must work, in this order; `wishes` come before and may fail. */
export interface SetCommands {
  readonly wishes: readonly string[][]
  readonly domains: readonly string[]
  /** Absent when `domains` says both. */
  readonly server?: readonly string[]
}

/** The commands of one program that speaks with systemd-resolved. */
export interface ResolvedProgram {
  readonly path: string
  set(setting: LinkSetting): Promise<SetCommands>
  /** Tell what it knows; not every program can. */
  readonly tell?: (link: string) => { readonly servers: string[]; readonly domains: string[] }
  readonly flush: string[]
}

/** The first of resolvectl, systemd-resolve (before systemd 239) and busctl that this host has. */
export async function findResolvedProgram(): Promise<ResolvedProgram> {
  for (const [name, create] of [['resolvectl', resolvectl], ['systemd-resolve', systemdResolve], ['busctl', busctl]] as const) {
    const path = await findProgram(name)
    if (path !== undefined) return create(path)
  }
  throw resolverError('resolver.program-missing', 'systemd-resolved runs, but none of resolvectl, systemd-resolve and busctl is installed: nothing can tell it about us. Install resolvectl (package systemd-resolved or systemd)')
}

// The route comes first and the server last, so that no question for others comes our way in between. Names of a
// private network are neither signed nor on the local wire, and our server speaks plain DNS.
export function resolvectl(path: string): ResolvedProgram {
  return {
    path,
    set: ({ link, servers, domains }) => Promise.resolve({
      wishes: [['default-route', 'no'], ['llmnr', 'no'], ['mdns', 'no'], ['dnssec', 'no'], ['dnsovertls', 'no']].map(([verb = '', word = '']) => [path, verb, link, word]),
      domains: [path, 'domain', link, ...routes(domains)],
      server: [path, 'dns', link, ...servers],
    }),
    tell: (link) => ({ servers: [path, 'dns', link], domains: [path, 'domain', link] }),
    flush: [path, 'flush-caches'],
  }
}

export function systemdResolve(path: string): ResolvedProgram {
  return {
    path,
    set: ({ link, servers, domains }) => Promise.resolve({
      wishes: [],
      domains: [
        path, `--interface=${link}`, '--set-llmnr=no', '--set-mdns=no', '--set-dnssec=no',
        ...routes(domains).map((domain) => `--set-domain=${domain}`), ...servers.map((server) => `--set-dns=${server}`),
      ],
    }),
    flush: [path, '--flush-caches'],
  }
}

// org.freedesktop.resolve1(5): links go by their number, addresses as a family and its bytes.
export function busctl(path: string, indexOf: (link: string) => Promise<string> = linkIndex): ResolvedProgram {
  const call = (method: string, ...words: string[]): string[] =>
    [path, 'call', 'org.freedesktop.resolve1', '/org/freedesktop/resolve1', 'org.freedesktop.resolve1.Manager', method, ...words]
  return {
    path,
    async set({ link, servers, domains }) {
      const index = await indexOf(link)
      const routed = domains.flatMap((domain) => [domain, 'true'])
      const addresses = servers.flatMap((server) => {
        const { family, bytes, port } = parseEndpoint(server)
        return [String(family), String(bytes.length), ...bytes.map(String), String(port), '']
      })
      const [domainCount, serverCount] = [String(domains.length), String(servers.length)]
      return {
        wishes: [
          call('SetLinkDefaultRoute', 'ib', index, 'false'),
          ...['SetLinkLLMNR', 'SetLinkMulticastDNS', 'SetLinkDNSSEC', 'SetLinkDNSOverTLS'].map((method) => call(method, 'is', index, 'no')),
        ],
        domains: call('SetLinkDomains', 'ia(sb)', index, domainCount, ...routed),
        server: call('SetLinkDNSEx', 'ia(iayqs)', index, serverCount, ...addresses),
      }
    },
    flush: call('FlushCaches'),
  }
}

/** An empty word takes all routes away; no word at all would be a question. */
const routes = (domains: readonly string[]): string[] => (domains.length > 0 ? domains.map((domain) => `~${domain}`) : [''])

async function linkIndex(link: string): Promise<string> {
  return (await readFile(`/sys/class/net/${basename(link)}/ifindex`, 'utf8')).trim()
}
