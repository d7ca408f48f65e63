import { Option } from 'commander'

/**
 * Options of the Go tunneler that scripts and unit files pass, and that change nothing here: they are accepted, so that
 * a command line goes on working, and named once in a warning. An option leaves this list on the day it has an effect.
 */
const reservedValueOptions = [
  '--diverter <program>',
  '--cli-agent-addr <address>',
  '--cli-agent-alias <alias>',
  '--control-connections <count>',
] as const

/** As above; the value of a boolean comes after `=` or not at all. */
export const reservedBooleanOptions = ['--cli-agent', '--sdk-flow-control'] as const

export function createReservedOptions(): Option[] {
  return [...reservedValueOptions, ...reservedBooleanOptions].map((flags) => new Option(flags).hideHelp())
}
