import { spawnSync } from 'node:child_process'
import type { ClientNetwork } from '../client-network.ts'
import type { Part } from '../part.ts'

/** The device of all forwarders but those that make their own. */
export const link = 'tun0'

/** Somebody who takes all that a network sends and passes it on by sockets of this host. */
export interface Forwarder {
  readonly name: string
  /** Ready when packets of `network` reach it. */
  start(network: ClientNetwork): Promise<Part>
}

/** An address, and all the rest behind the link. */
export function routeInto(network: ClientNetwork, mtu: number): void {
  network.run(`ip link set ${link} mtu ${mtu} txqueuelen 5000 up; ip addr replace 10.98.0.2/32 dev ${link}; ip route replace default dev ${link}`)
}

export const hasProgram = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0

/** What most systems allow a process to raise its limit to. */
export const manyDescriptors = ['prlimit', '--nofile=20000:20000']
