import { RootedFiles } from '../resolver/rooted-files.ts'
import { probeCapabilitySet } from './capabilities.ts'
import { probeForwarding, probeIpv6, probeReversePath, probeUserNamespaces } from './network-settings.ts'
import type { ProbeResult } from './probe-result.ts'
import { probeFirewallOfKernel, probeIptablesProgram, probeTransparentSockets } from './transparent-proxy.ts'

export interface ProbeOptions {
  /** Where /proc and /dev are; another one in tests. */
  readonly root?: string
  /** Those through which neighbours come: their settings are judged too. */
  readonly lanInterfaces?: readonly string[]
}

/** What this host allows us, each with the remedy where it does not. Changes nothing, and never rejects. */
export async function probeCapabilities({ root = '/', lanInterfaces = [] }: ProbeOptions = {}): Promise<ProbeResult[]> {
  const files = new RootedFiles(root)
  const nftables = probeFirewallOfKernel()
  return [
    ...(await probeCapabilitySet(files)),
    nftables,
    await probeIptablesProgram(nftables.ok === true),
    probeTransparentSockets(),
    await probeTunDevice(files),
    await probeIpv6(files),
    await probeForwarding(files, lanInterfaces),
    await probeReversePath(files, lanInterfaces),
    await probeUserNamespaces(files),
  ]
}

export async function probeTunDevice(files: RootedFiles): Promise<ProbeResult> {
  const name = '/dev/net/tun'
  if (!(await files.exists('/dev/net/tun'))) {
    return { name, ok: 'warn', detail: 'missing', remedy: 'modprobe tun; in a container add --device /dev/net/tun' }
  }
  if (await files.writable('/dev/net/tun')) return { name, ok: true, detail: 'can be opened' }
  return { name, ok: 'warn', detail: 'cannot be opened by this user', remedy: 'run as root, or chmod 0666 /dev/net/tun (the usual mode)' }
}
