import type { RootedFiles } from '../resolver/rooted-files.ts'
import type { ProbeResult } from './probe-result.ts'

/** Bits of capabilities(7), and what each is for. */
const wanted = [
  { name: 'CAP_NET_ADMIN', bit: 12, need: 'routes, rules and firewall cannot be changed', ok: false },
  { name: 'CAP_NET_RAW', bit: 13, need: 'an iptables of the legacy kind does not work', ok: 'warn' },
  { name: 'CAP_NET_BIND_SERVICE', bit: 10, need: 'port 53 cannot be bound', ok: 'warn' },
] as const

type Capability = (typeof wanted)[number]['name']

/** What a tunneler should be given. Without the first one it cannot work. */
export const wantedCapabilities: readonly Capability[] = wanted.map(({ name }) => name)

/** Those that a process lacks, by its `/proc/PID/status`. The effective ones are what the kernel asks: being root in a container is not enough. */
export function missingCapabilities(status: string): readonly Capability[] {
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return wanted.filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n).map(({ name }) => name)
}

export async function probeCapabilitySet(files: RootedFiles): Promise<ProbeResult[]> {
  const missing = new Set(missingCapabilities((await files.text('/proc/self/status')) ?? ''))
  return wanted.map(({ name, need, ok }) => {
    if (!missing.has(name)) return { name, ok: true, detail: 'effective' }
    // Not setcap: it would give the capability to every program of this Node.
    return { name, ok, detail: `missing: ${need}`, remedy: `run with sudo; as a service with AmbientCapabilities=${wantedCapabilities.join(' ')}; in a container with --cap-add=${name.slice(4)}` }
  })
}
