import { execFileSync, spawnSync } from 'node:child_process'
import koffi from 'koffi'

const CLONE_NEWNET = 0x40000000

/** Why tests of the host cannot run here, or undefined. In a container root may not make namespaces either. */
export const noNetwork = reasonAgainst()

function reasonAgainst(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  return spawnSync('unshare', ['--net', '--mount', 'true']).status === 0 ? undefined : 'needs the privilege to make namespaces'
}

/** Of a host in a network of its own. */
export const ownAddress = { v4: '192.0.2.1', v6: '2001:db8::1' } as const

/**
 * Moves this test process into a network namespace of its own, with `lo` up. Namespaces belong to threads: sockets that this
 * thread opens and children that it starts are inside, the thread pool stays outside and opens none.
 */
export function enterOwnNetwork(): void {
  const unshare = koffi.load(null).func('int unshare(int flags)') as (flags: number) => number
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`)
  ip('link set lo up')
}

/** The same, with an interface `up0` that has the addresses, and a way out to nowhere. The other end of its wire is `up1`. */
export function enterOwnHost({ wayOut = true }: { wayOut?: boolean } = {}): void {
  enterOwnNetwork()
  ip('link add up0 type veth peer name up1')
  // Addresses that come by themselves, a second later, are no change that a test has made.
  ip('link set up0 addrgenmode none')
  ip('link set up1 addrgenmode none')
  ip('link set up0 up')
  ip('link set up1 up')
  ip(`addr add ${ownAddress.v4}/24 dev up0`)
  ip(`-6 addr add ${ownAddress.v6}/64 dev up0 nodad`)
  // Every IPv6 host has one (RFC 4291 2.8): neighbours are asked from it for whatever leaves with another host's address.
  ip('-6 addr add fe80::1/64 dev up0 nodad')
  if (!wayOut) return
  ip('route add default via 192.0.2.254')
  ip('-6 route add default via 2001:db8::ffff')
}

/** `ip('link set lo up')`. */
export function ip(words: string): string {
  return run('ip', ...words.split(' '))
}

/** `ip -json`, parsed. */
export function ipJson(words: string): Record<string, unknown>[] {
  const text = ip(`-json -d ${words}`)
  return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[])
}

/** Runs a program to its end and gives what it printed. */
export function run(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The same, with `input` as its standard input. */
export function feed(input: string, program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] })
}
