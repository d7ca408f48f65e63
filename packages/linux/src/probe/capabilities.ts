import type { RootedFiles } from '../resolver/rooted-files.ts'
import type { ProbeResult } from './probe-result.ts'

/** Bits of capabilities(7), and what each is for. */
const wanted = [
  { name: 'CAP_NET_ADMIN', bit: 12, need: 'routes, rules and firewall cannot be changed', ok: false },
  { name: 'CAP_NET_RAW', bit: 13, need: 'sockets bound to one link cannot be opened', ok: 'warn' },
  { name: 'CAP_NET_BIND_SERVICE', bit: 10, need: 'port 53 cannot be bound', ok: 'warn' },
] as const

const all = wanted.map(({ name }) => name).join(' ')

/** The effective ones are what the kernel asks: being root in a container is not enough. */
export async function probeCapabilitySet(files: RootedFiles): Promise<ProbeResult[]> {
  const status = (await files.text('/proc/self/status')) ?? ''
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return wanted.map(({ name, bit, need, ok }) => {
    if ((effective >> BigInt(bit)) & 1n) return { name, ok: true, detail: 'effective' }
    // Not setcap: it would give the capability to every program of this Node.
    return { name, ok, detail: `missing: ${need}`, remedy: `run with sudo; as a service with AmbientCapabilities=${all}; in a container with --cap-add=${name.slice(4)}` }
  })
}
