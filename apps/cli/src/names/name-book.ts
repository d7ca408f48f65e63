import type { Resolver } from '@tunnel/dns'
import type { CodedError } from '@tunnel/flow'

/** A name and one of its addresses, as a hosts file and the log have it. */
export interface NameEntry {
  readonly address: string
  readonly name: string
}

/**
 * Which addresses the names of services have. A name gets them before they are intercepted and is answered after: a program
 * that knows the address can use it.
 */
export interface NameBook {
  /**
   * The names that there are now, in lower case, wildcards as `*.x`. New ones get addresses, those that are missing are no longer
   * answered. By name: why it has none. Those of `ipv4Only` get no IPv6 address of ours.
   */
  assign(names: readonly string[], ipv4Only?: readonly string[]): Promise<ReadonlyMap<string, CodedError>>
  /** What `assign` took is intercepted by now: answer it. */
  publish(): void
  /** Says of names that are answered, once each, that they are there: by now programs of this host can know them. */
  announce(): void
  /** What to intercept for a name or a wildcard: addresses or ranges. */
  addressesOf(hostname: string): readonly string[]
  nameOf(address: string): string | undefined
  readonly resolver: Resolver
  /** Whether a name is answered, by itself or below a wildcard: it exists then, whatever other servers say of it. */
  answers(name: string): boolean
  /** Whole names that are answered, for a hosts file. */
  entries(): NameEntry[]
  /** Names that have addresses, those that a wildcard brought forth included. */
  readonly size: number
}

export const isWildcard = (name: string): boolean => name.startsWith('*')
