/** What the program that prepares a namespace is told, in one message. */
export interface InsideSettings {
  readonly v4: string
  /** Left out where it cannot be had. */
  readonly v6?: string
  readonly mtu: number
  /** Texts that stand in the place of files of the host, by their paths. */
  readonly files: Readonly<Record<string, string>>
  /** Sockets of the host that must not be found. */
  readonly hidden: readonly string[]
  /** Who the command is, in there as out here. */
  readonly user: number
  readonly group: number
}

/** What it says, with the descriptor of the TUN link when all is ready. The answer to that is `go`, when the command may begin. */
export type InsideReport =
  | { readonly ready: true; readonly ipv6: boolean }
  | { readonly ready: false; readonly code: string; readonly message: string }

/** The way to everywhere, in there. */
export const insideLink = 'tun0'

/** The first descriptor behind standard error. */
export const channelDescriptor = 3

/** So that a descriptor is the command's own user again; without `--map-user` it would be root, of nothing. */
export const asUser = (user: number, group: number): readonly string[] => ['unshare', '--user', `--map-user=${user}`, `--map-group=${group}`, '--']
