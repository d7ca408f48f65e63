import type { Milliseconds } from './clock.ts'

/** After how much silence a UDP session ends: everywhere, or by the port that was asked for. */
export type UdpIdle = Milliseconds | ((port: number) => Milliseconds)

/** RFC 4787 4.3: five minutes are recommended. */
const usual: Milliseconds = 300_000
const dnsPort = 53
/** One question, one answer. */
const dns: Milliseconds = 5_000

/** By port. Where no more is said, DNS ends sooner than everything else. */
export function udpIdleByPort(idle: UdpIdle = usual): (port: number) => Milliseconds {
  if (typeof idle === 'function') return idle
  return (port) => (port === dnsPort ? Math.min(dns, idle) : idle)
}
