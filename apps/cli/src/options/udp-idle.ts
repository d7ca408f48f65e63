import type { Milliseconds } from '@tunnel/flow'
import { InvalidArgumentError } from 'commander'

/** After how much silence the UDP sessions of a port end. */
export interface UdpIdle {
  readonly others: Milliseconds
  readonly ports: ReadonlyMap<number, Milliseconds>
}

const longestSeconds = 86_400

/** DNS asks once; everything else has the five minutes of the Go tunneler (protocol section 8.6). */
export const defaultUdpIdle: UdpIdle = { others: 300_000, ports: new Map([[53, 5_000]]) }

/** `--udp-idle 120`, `--udp-idle 5060=600,53=2`: seconds for all ports, or for one; repeatable. */
export function collectUdpIdle(text: string, before: UdpIdle = defaultUdpIdle): UdpIdle {
  let { others } = before
  const ports = new Map(before.ports)
  for (const part of text.split(',')) {
    const [, port, seconds = ''] = /^\s*(?:(\d{1,5})=)?(\d+(?:\.\d+)?)\s*$/.exec(part) ?? []
    const wrongPort = port !== undefined && (Number(port) < 1 || Number(port) > 65_535)
    if (wrongPort || !(Number(seconds) > 0) || Number(seconds) > longestSeconds) {
      throw new InvalidArgumentError('It must be SECONDS or PORT=SECONDS, up to a day, with commas between several.')
    }
    if (port === undefined) others = Number(seconds) * 1000
    else ports.set(Number(port), Number(seconds) * 1000)
  }
  return { others, ports }
}

export function idleOf({ others, ports }: UdpIdle): (port: number) => Milliseconds {
  return (port) => ports.get(port) ?? others
}
