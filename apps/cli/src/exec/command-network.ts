import type { CommandNamespaceOptions } from '@tunnel/linux'
import type { InsideAddresses } from './inside-addresses.ts'
import { hiddenSockets, insideFiles } from './inside-files.ts'

/** What a command is given in the place of the host's network. */
export function commandNetwork(command: readonly string[], { v4, v6, dns }: InsideAddresses): CommandNamespaceOptions {
  return { command, v4, v6, files: insideFiles(dns), hidden: hiddenSockets }
}
