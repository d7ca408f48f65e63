import { execFileSync } from 'node:child_process'
import koffi from 'koffi'

const CLONE_NEWNET = 0x40000000

/** Why tests of the host cannot run here, or undefined. */
export const noNetwork = process.getuid?.() === 0 ? undefined : 'needs root'

export interface OwnNetwork {
  readonly v4: string
  readonly v6: string
}

/** This host's own addresses in its network. */
export const ownAddress: OwnNetwork = { v4: '192.0.2.1', v6: '2001:db8::1' }

/**
 * Moves this test process into a network namespace of its own, with `lo` and an interface `up0` that has the addresses and a way out
 * to nowhere. Namespaces belong to threads: what this thread opens and the children that it starts are inside.
 */
export function enterOwnNetwork({ wayOut = true }: { wayOut?: boolean } = {}): void {
  const unshare = koffi.load(null).func('int unshare(int flags)') as (flags: number) => number
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`)
  ip('link set lo up')
  ip('link add up0 type veth peer name up1')
  // Addresses that come by themselves, a second later, are no change that a test has made.
  ip('link set up0 addrgenmode none')
  ip('link set up1 addrgenmode none')
  ip('link set up0 up')
  ip('link set up1 up')
  ip(`addr add ${ownAddress.v4}/24 dev up0`)
  ip(`-6 addr add ${ownAddress.v6}/64 dev up0 nodad`)
  if (!wayOut) return
  ip('route add default via 192.0.2.254')
  ip('-6 route add default via 2001:db8::ffff')
}

/** `ip('link set lo up')`. */
export function ip(words: string): string {
  return run('ip', ...words.split(' '))
}

/** Runs a program to its end and gives what it printed. */
export function run(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
