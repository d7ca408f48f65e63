import type { Endpoint } from '@tunnel/flow'
import type { ResolvConf } from './resolv-conf.ts'

/** Who decides what /etc/resolv.conf says. `none`: there is no such file. */
export type ResolverManager = 'systemd-resolved' | 'resolvconf' | 'openresolv' | 'networkmanager' | 'dhclient' | 'plain' | 'none'

/** What a change of ours goes through: a link of ours in systemd-resolved, the resolvconf program, or the file itself. */
export type ResolverMethod = 'link' | 'resolvconf' | 'file'

/** Everything known of how this host resolves names, as found at one moment. */
export interface ResolverFacts {
  readonly manager: ResolverManager
  readonly method: ResolverMethod
  readonly file: ResolvConfFacts
  readonly resolved: ResolvedFacts
  readonly resolvconf?: ResolvconfFacts
  readonly networkManager: { readonly running: boolean; /** `dns=` of its configuration. */ readonly dns?: string }
  readonly dhclient: boolean
  /** musl asks all nameservers at once and takes the first answer; glibc asks them in order. */
  readonly libc: 'glibc' | 'musl'
  /** The servers that answer in truth: never a stub such as 127.0.0.53. */
  readonly nameservers: readonly string[]
  /** Every fact and the verdict, for the log. */
  readonly line: string
}

export interface ResolvConfFacts extends ResolvConf {
  /** As programs open it. */
  readonly path: string
  readonly state: 'regular' | 'symlink' | 'dangling' | 'missing'
  /** The file that is read in the end; `path` itself unless it is a symbolic link. */
  readonly target: string
  readonly text: string
  readonly writable: boolean
  /** Something is mounted over it, as container engines do: it can be written, and not replaced. */
  readonly mounted: boolean
}

export interface ResolvedFacts {
  readonly running: boolean
  /** The way by which programs of this host reach it; `none`: they do not. */
  readonly reachedBy: 'stub' | 'nss' | 'none'
  readonly upstreams: readonly string[]
}

export interface ResolvconfFacts {
  readonly kind: 'debian' | 'openresolv' | 'systemd'
  readonly path: string
  /** resolv.conf is made by it. */
  readonly active: boolean
  /** What its records say, ours left out. */
  readonly upstreams: readonly string[]
}

/** What a tunneler wants of the host's resolver. */
export interface ResolverWanted {
  /** Where our DNS server answers. */
  readonly servers: readonly Endpoint[]
  /** Names that only we can answer: `*.ziti`, `db.corp`. Used where the manager can route by name; elsewhere we get every question. */
  readonly domains: readonly string[]
  /**
   * The TUN link that carries the setting in systemd-resolved. Its address must be one that nothing else has: resolved
   * uses a link only once it is up with an address of global scope. Best answer questions on that very address:
   * resolved 248 to 252 sends questions for 127.0.0.1 into the link (systemd #25397, #25595).
   */
  readonly link?: { readonly name: string; readonly address: string }
  /** 0 for the first tunneler of this host, 1 for the second... */
  readonly slot?: number
}
