import { readFileSync } from 'node:fs'
import { CodedError } from '@tunnel/flow'
import { missingCapabilities, wantedCapabilities } from '@tunnel/linux'

const privilegeRemedy =
  `run it with sudo, or as a service with AmbientCapabilities=${wantedCapabilities.join(' ')} (setcap on node would give it to every Node program); ` +
  "without privilege there are 'ziti-tunnel exec' for one command, and 'ziti-tunnel proxy'"

/** Refuses, in one line, what can never work in this process. Nothing of the host has been touched by then. */
export function checkAbility(command: string, platform: string = process.platform, readStatus = readOwnStatus): void {
  if (platform !== 'linux') {
    throw new CodedError('cli.platform', `'${command}' intercepts by means of Linux, and this is ${platform}; use 'ziti-tunnel proxy' for local ports or 'ziti-tunnel host' to host`)
  }
  if (missingCapabilities(readStatus()).includes('CAP_NET_ADMIN')) {
    throw new CodedError('cli.no-privilege', `'${command}' changes the network of this host, for which this process lacks the capability CAP_NET_ADMIN: ${privilegeRemedy}`)
  }
}

const readOwnStatus = (): string => readFileSync('/proc/self/status', 'latin1')
